import { ConfigError } from './errors';
import { toLsn, type Lsn } from './lsn';

/** Names what was given. Only numbers are quoted: text may be a password that landed in the wrong place. */
export function formatValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null || typeof value === 'number') return String(value);
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** Whether the value is an object with members. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a system's error is called. Its message may quote what was given, and is not for ours. */
export function getErrorCode(error: unknown): string | undefined {
  return isRecord(error) && typeof error['code'] === 'string' ? error['code'] : undefined;
}

/** What is said inside `connection`, and easily written beside it. */
const OF_CONNECTION = ['connectionString', 'host', 'port', 'user', 'password', 'database', 'ssl'];

/** How many letters have to be put in, left out or exchanged to make one text of the other (Levenshtein). */
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

/** Longer names are compared up to here: what is unknown may be anything. */
const COMPARED = 64;
/** A name that was misspelt has so many letters wrong at most. */
const TYPING_MISTAKES = 2;

function normalizeForComparison(name: string): string {
  return name.slice(0, COMPARED).toLowerCase();
}

/** How many pairs of neighbouring letters of one text the other has as well. */
function countSharedPairs(a: string, b: string): number {
  const pairs = Array.from({ length: Math.max(0, a.length - 1) }, (_, at) => a.slice(at, at + 2));
  return pairs.filter((pair) => b.includes(pair)).length;
}

/** The name that was probably meant: one spelt almost so, or one that this goes on from or breaks off. */
export function findNearest(name: string, known: readonly string[]): string | undefined {
  if (name.length < 3) return undefined;
  const given = normalizeForComparison(name);
  const [first] = sortCharacters(known, (one) => measureDistance(normalizeForComparison(one), given));
  if (first !== undefined && measureDistance(normalizeForComparison(first), given) <= TYPING_MISTAKES) return first;
  return known.find(
    (one) => normalizeForComparison(one).startsWith(given) || given.startsWith(normalizeForComparison(one)),
  );
}

/** More names than these are not listed. */
const LISTED = 8;

/** What an error says of a name that is not known: which one was probably meant, or which there are, or which are nearest. */
export function suggestName(name: string, known: readonly string[]): string {
  const meant = findNearest(name, known);
  if (meant !== undefined) return `did you mean ${meant}?`;
  if (known.length <= LISTED) return `there are ${known.join(', ')}`;
  const given = normalizeForComparison(name);
  const bySpelling = sortCharacters(known, (one) => measureDistance(normalizeForComparison(one), given));
  const [first = '', second = '', third = ''] = sortCharacters(
    bySpelling,
    (one) => -countSharedPairs(given, normalizeForComparison(one)),
  );
  return `the nearest are ${first}, ${second} and ${third}`;
}

function sortCharacters(names: readonly string[], rank: (name: string) => number): string[] {
  return [...names].sort((a, b) => rank(a) - rank(b));
}

/** What else is to be said of options that are not known. */
export interface Unknown {
  /** Names that mean nothing here and are no error. */
  readonly letPass?: readonly string[];
  /** What is wrong with a name that has its place elsewhere. */
  readonly misplaced?: Readonly<Record<string, string>>;
}

/** Reads options that may come from JavaScript, and says what is wrong with one that cannot be used. */
export class Options {
  readonly #prefix: string;
  readonly #values: Readonly<Record<string, unknown>>;

  /**
   * @param prefix what stands before an option's name in errors
   * @param known every option that there is; another one is an error, unless it is undefined
   */
  constructor(prefix: string, values: unknown, known: readonly string[], { letPass = [], misplaced }: Unknown = {}) {
    if (!isRecord(values)) throw new ConfigError(prefix || 'config', `expected an object, got ${formatValue(values)}`);
    this.#prefix = prefix && `${prefix}.`;
    this.#values = values;
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined || known.includes(name) || letPass.includes(name)) continue;
      if (prefix === '' && OF_CONNECTION.includes(name)) {
        throw this.error(name, `belongs into connection, as in connection: { ${name}: … }`);
      }
      if (misplaced && Object.hasOwn(misplaced, name)) throw this.error(name, String(misplaced[name]));
      throw this.error(name, `is no option; ${suggestName(name, known)}`);
    }
  }

  /** @returns what the option was given; undefined where it is missing */
  get(name: string): unknown {
    return this.#values[name];
  }

  error(name: string, what: string): ConfigError {
    return new ConfigError(`${this.#prefix}${name}`, what);
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

  /** The same where leaving it out is a third answer. */
  optionalFlag(name: string): boolean | undefined {
    return this.get(name) === undefined ? undefined : this.flag(name, false);
  }

  /** One of a few texts. */
  oneOf<T extends string>(name: string, texts: readonly T[]): T | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    const found = texts.find((text) => text === value);
    if (found !== undefined) return found;
    throw this.error(name, `expected ${texts.map((text) => `'${text}'`).join(' or ')}, got ${formatValue(value)}`);
  }

  /** A number of at least `least`. */
  number(name: string, fallback: number, least: number): number {
    const value = this.get(name);
    if (value === undefined) return fallback;
    if (typeof value !== 'number' || !(value >= least)) {
      throw this.error(name, `expected a number from ${least} on, got ${formatValue(value)}`);
    }
    return value;
  }

  /** A time in ms, which timers can keep. */
  ms(name: string, fallback: number, least = 0): number {
    const value = this.number(name, fallback, least);
    // Node's timers fire at once when asked to wait longer.
    if (value > 0x7fff_ffff) throw this.error(name, `expected at most 2147483647 ms, got ${value}`);
    return value;
  }

  lsn(name: string): Lsn | undefined {
    const value = this.get(name);
    return value === undefined ? undefined : toLsn(`${this.#prefix}${name}`, value);
  }

  /** A list of at least one name. */
  names(name: string): readonly string[] | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    if (!Array.isArray(value) || value.length === 0) {
      const remedy = typeof value === 'string' && value !== '' ? `; write it in brackets: ${name}: ['…']` : '';
      throw this.error(name, `expected a list with at least one name, got ${formatValue(value)}${remedy}`);
    }
    return value.map((item: unknown) => {
      if (typeof item !== 'string' || item === '') throw this.error(name, `expected names, got ${formatValue(item)}`);
      return item;
    });
  }

  /** Something that is known by a method, like an observer or a scheduler. */
  having<T extends object>(name: string, method: keyof T & string): T | undefined {
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
