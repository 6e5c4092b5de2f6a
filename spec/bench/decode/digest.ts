import { createHash, type Hash } from 'node:crypto';
import { LAZY, type OnChange, type Row } from './parsers';

/** A digest of a parser's output, for comparison. */
export interface Digest {
  readonly changes: number;
  /** A hash of all values of all rows. */
  readonly checksum: string;
}

/** Collects a parser's output, and verifies that it contains values rather than lazy accessors. */
export class Digester {
  readonly #hash: Hash = createHash('sha256');
  readonly #lazy: boolean;
  #changes = 0;

  constructor(parser: string) {
    this.#lazy = LAZY.includes(parser);
  }

  readonly onChange: OnChange = (kind, after, before) => {
    this.#changes++;
    this.#hash.update(`${kind} ${this.#text(after)} ${this.#text(before)}\n`);
  };

  finish(): Digest {
    return { changes: this.#changes, checksum: this.#hash.digest('hex') };
  }

  #text(row: Row | undefined): string {
    if (row === undefined) return '-';
    const columns: string[] = [];
    for (const name in row) {
      if (!this.#lazy && !Object.hasOwn(Object.getOwnPropertyDescriptor(row, name) ?? {}, 'value')) {
        throw new Error(`Column ${name} is not decoded before somebody reads it.`);
      }
      // Some parsers omit values that were not sent, others set them to undefined.
      if (row[name] !== undefined) columns.push(`${name}=${canonical(row[name])}`);
    }
    return columns.join(' ');
  }
}

/** Converts a value to text that is independent of the parser's type for it. */
function canonical(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'string') return JSON.stringify(value);
  return /^\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d|$)/.test(value) ? new Date(value).toISOString() : value;
}
