import { ConfigError } from '../errors';
import { toLsn, type Lsn } from '../lsn';

/** Names what was given. Only numbers are quoted: text may be a password that landed in the wrong place. */
function shown(value: unknown): string {
  if (value === null || typeof value === 'number') return String(value);
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** Whether the value is an object with members. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reads options that may come from JavaScript, and says what is wrong with one that cannot be used. */
export class Options {
  readonly #prefix: string;
  readonly #values: Readonly<Record<string, unknown>>;

  /**
   * @param prefix what stands before an option's name in errors
   * @param known every option that there is; another one is an error
   */
  constructor(prefix: string, values: unknown, known: readonly string[]) {
    if (!isRecord(values)) throw new ConfigError(prefix || 'config', `expected an object, got ${shown(values)}`);
    this.#prefix = prefix && `${prefix}.`;
    this.#values = values;
    for (const name of Object.keys(values)) {
      if (!known.includes(name)) throw this.error(name, `is no option; there are ${known.join(', ')}`);
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
      throw this.error(name, `expected text, got ${typeof value === 'number' ? 'a number' : shown(value)}`);
    return value;
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.get(name);
    if (value === undefined) return fallback;
    if (typeof value !== 'boolean') throw this.error(name, `expected true or false, got ${shown(value)}`);
    return value;
  }

  /** A number of at least `least`. */
  number(name: string, fallback: number, least: number): number {
    const value = this.get(name);
    if (value === undefined) return fallback;
    if (typeof value !== 'number' || !(value >= least)) {
      throw this.error(name, `expected a number from ${least} on, got ${shown(value)}`);
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
      throw this.error(name, `expected a list with at least one name, got ${shown(value)}`);
    }
    return value.map((item: unknown) => {
      if (typeof item !== 'string' || item === '') throw this.error(name, `expected names, got ${shown(item)}`);
      return item;
    });
  }

  /** Something with a method, like an observer or a scheduler. */
  having<T>(name: string, method: string, is: (value: unknown) => value is T): T | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    if (!is(value)) throw this.error(name, `expected an object with a method ${method}(), got ${shown(value)}`);
    return value;
  }
}
