import { ConfigError } from './errors';
import { toLsn, type Lsn } from './lsn';

/** Describes a value for a message. It shows only numbers: text may be a misplaced password. */
export function formatValue(value: unknown): string {
  if (value === undefined) return 'undefined';
  if (value === null || typeof value === 'number') return String(value);
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The `code` of a system error. The error's message may quote the given value, so messages do not include it. */
export function getErrorCode(error: unknown): string | undefined {
  return isRecord(error) && typeof error['code'] === 'string' ? error['code'] : undefined;
}

/** The longest delay that Node's timers support, in ms. They fire at once for a longer one. */
export const MAX_TIMER_DELAY_MS = 0x7fff_ffff;

/** Members of `connection` that are easily misplaced at the top level. */
const CONNECTION_MEMBERS = ['connectionString', 'host', 'port', 'user', 'password', 'database', 'ssl'];

/** The Levenshtein distance. */
function measureDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 0; row < a.length; row++) {
    const next = [row + 1];
    for (let column = 1; column <= b.length; column++) {
      const replaced = (above[column - 1] ?? 0) + (a[row] === b[column - 1] ? 0 : 1);
      next.push(Math.min(replaced, (above[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    above = next;
  }
  return above[b.length] ?? 0;
}

/** Only this many characters are compared: an unknown name may be arbitrarily long. */
const COMPARED_LENGTH = 64;
/** The greatest edit distance of a misspelt name. */
const MAX_TYPOS = 2;

function normalizeForComparison(name: string): string {
  return name.slice(0, COMPARED_LENGTH).toLowerCase();
}

/** How many bigrams of `a` occur in `b`. */
function countSharedPairs(a: string, b: string): number {
  const pairs = Array.from({ length: Math.max(0, a.length - 1) }, (_, at) => a.slice(at, at + 2));
  return pairs.filter((pair) => b.includes(pair)).length;
}

/** The name that was probably meant: one with a small edit distance, or one that is a prefix of the other. */
export function findNearest(name: string, known: readonly string[]): string | undefined {
  if (name.length < 3) return undefined;
  const given = normalizeForComparison(name);
  const [first] = sortByRank(known, (one) => measureDistance(normalizeForComparison(one), given));
  if (first !== undefined && measureDistance(normalizeForComparison(first), given) <= MAX_TYPOS) return first;
  return known.find(
    (one) => normalizeForComparison(one).startsWith(given) || given.startsWith(normalizeForComparison(one)),
  );
}

/** The greatest number of names that a suggestion lists. */
const MAX_LISTED = 8;

/** The remedy for an unknown name, as a sentence: the name that was probably meant, all names, or the most similar ones. */
export function suggestName(name: string, known: readonly string[]): string {
  const meant = findNearest(name, known);
  if (meant !== undefined) return `Did you mean \`${meant}\`?`;
  if (known.length <= MAX_LISTED) return `Valid names: ${known.map((one) => `\`${one}\``).join(', ')}.`;
  const given = normalizeForComparison(name);
  const bySpelling = sortByRank(known, (one) => measureDistance(normalizeForComparison(one), given));
  const [first = '', second = '', third = ''] = sortByRank(
    bySpelling,
    (one) => -countSharedPairs(given, normalizeForComparison(one)),
  );
  return `Similar names: \`${first}\`, \`${second}\`, \`${third}\`.`;
}

function sortByRank(names: readonly string[], rank: (name: string) => number): string[] {
  return [...names].sort((a, b) => rank(a) - rank(b));
}

/**
 * The names of the options of an interface. The compiler rejects a missing or an unknown name.
 *
 * @param names an object with each name as a key
 */
export function listOptionNames<T extends object>(
  names: Readonly<Record<keyof T & string, true>>,
): (keyof T & string)[] {
  return Object.keys(names).filter((name): name is keyof T & string => Object.hasOwn(names, name));
}

/** Exceptions for names that are not options. */
export interface UnknownOptionRules {
  /** Names that are ignored. */
  readonly ignored?: readonly string[];
  /** Names that belong elsewhere, with the problem that the error states. */
  readonly misplaced?: Readonly<Record<string, string>>;
}

/** Reads options, which may come from JavaScript. Each method throws a {@link ConfigError} for an invalid value. */
export class OptionReader {
  readonly #prefix: string;
  readonly #values: Readonly<Record<string, unknown>>;

  /**
   * @param prefix the path of the object, for errors
   * @param known the names of all options; any other name is an error, unless its value is undefined
   */
  constructor(
    prefix: string,
    values: unknown,
    known: readonly string[],
    { ignored = [], misplaced }: UnknownOptionRules = {},
  ) {
    if (!isRecord(values)) throw new ConfigError(prefix || 'config', `expected an object, got ${formatValue(values)}`);
    this.#prefix = prefix && `${prefix}.`;
    this.#values = values;
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined || known.includes(name) || ignored.includes(name)) continue;
      if (prefix === '' && CONNECTION_MEMBERS.includes(name)) {
        throw this.error(name, `belongs in connection: { ${name}: … }`);
      }
      if (misplaced && Object.hasOwn(misplaced, name)) throw this.error(name, String(misplaced[name]));
      throw this.error(name, 'unknown option', suggestName(name, known));
    }
  }

  /** @returns the value; undefined if the option is missing */
  get(name: string): unknown {
    return this.#values[name];
  }

  error(name: string, what: string, remedy?: string): ConfigError {
    return new ConfigError(`${this.#prefix}${name}`, what, { remedy });
  }

  text(name: string): string | undefined {
    const value = this.get(name);
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'string')
      throw this.error(name, `expected text, got ${typeof value === 'number' ? 'a number' : formatValue(value)}`);
    return value;
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.get(name);
    if (value === undefined) return fallback;
    if (typeof value !== 'boolean') throw this.error(name, `expected true or false, got ${formatValue(value)}`);
    return value;
  }

  /** As {@link flag}, but undefined if the option is missing. */
  optionalFlag(name: string): boolean | undefined {
    return this.get(name) === undefined ? undefined : this.flag(name, false);
  }

  oneOf<T extends string>(name: string, texts: readonly T[]): T | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    const found = texts.find((text) => text === value);
    if (found !== undefined) return found;
    throw this.error(name, `expected ${texts.map((text) => `'${text}'`).join(' or ')}, got ${formatValue(value)}`);
  }

  number(name: string, fallback: number, least: number): number {
    const value = this.get(name);
    if (value === undefined) return fallback;
    if (typeof value !== 'number' || !(value >= least)) {
      throw this.error(name, `expected a number of at least ${least}, got ${formatValue(value)}`);
    }
    return value;
  }

  /** A duration in ms that Node's timers support. */
  ms(name: string, fallback: number, least = 0): number {
    const value = this.number(name, fallback, least);
    if (value > MAX_TIMER_DELAY_MS) throw this.error(name, `expected at most ${MAX_TIMER_DELAY_MS} ms, got ${value}`);
    return value;
  }

  lsn(name: string): Lsn | undefined {
    const value = this.get(name);
    return value === undefined ? undefined : toLsn(`${this.#prefix}${name}`, value);
  }

  /** A non-empty list of names. */
  names(name: string): readonly string[] | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    if (!Array.isArray(value) || value.length === 0) {
      const remedy = typeof value === 'string' && value !== '' ? `; write ${name}: ['…']` : '';
      throw this.error(name, `expected a list with at least one name, got ${formatValue(value)}${remedy}`);
    }
    return value.map((item: unknown) => {
      if (typeof item !== 'string' || item === '') throw this.error(name, `expected names, got ${formatValue(item)}`);
      return item;
    });
  }

  /** An object with a given method, such as an observer or a scheduler. */
  objectWithMethod<T extends object>(name: string, method: keyof T & string): T | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    if (!hasMethod<T>(value, method)) {
      throw this.error(name, `expected an object with a method ${method}(), got ${formatValue(value)}`);
    }
    return value;
  }
}

function hasMethod<T extends object>(value: unknown, method: keyof T & string): value is T {
  return isRecord(value) && typeof value[method] === 'function';
}
