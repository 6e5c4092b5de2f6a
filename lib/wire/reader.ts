import { constants } from 'node:buffer';
import { ProtocolError } from '../errors';

const { MAX_STRING_LENGTH } = constants;

/**
 * Reads the fields of one message in turn; whatever goes past the end is a {@link ProtocolError}.
 *
 * A hot loop keeps one reader and points it at each message with {@link reset}.
 */
export class Reader {
  #buffer: Buffer;
  #start: number;
  #end: number;
  #at: number;
  #what: string;

  /** @param what names the message in errors, as in 'Insert message' */
  constructor(buffer: Buffer, start: number, end: number, what: string) {
    this.#buffer = buffer;
    this.#start = start;
    this.#at = start;
    this.#end = end;
    this.#what = what;
  }

  /** Points the reader at another message. */
  reset(buffer: Buffer, start: number, end: number, what: string): void {
    this.#buffer = buffer;
    this.#start = start;
    this.#at = start;
    this.#end = end;
    this.#what = what;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#end - this.#at;
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#at - this.#start;
  }

  u8(): number {
    const at = this.#take(1, 'of an integer');
    return this.#buffer.readUInt8(at);
  }

  i16(): number {
    const at = this.#take(2, 'of an integer');
    return this.#buffer.readInt16BE(at);
  }

  u16(): number {
    const at = this.#take(2, 'of an integer');
    return this.#buffer.readUInt16BE(at);
  }

  i32(): number {
    const at = this.#take(4, 'of an integer');
    return this.#buffer.readInt32BE(at);
  }

  u32(): number {
    const at = this.#take(4, 'of an integer');
    return this.#buffer.readUInt32BE(at);
  }

  u64(): bigint {
    const at = this.#take(8, 'of an integer');
    return this.#buffer.readBigUInt64BE(at);
  }

  /** Text up to a NUL byte, which is consumed too. */
  cstring(): string {
    const from = this.#at;
    const nul = this.#buffer.indexOf(0, from);
    if (nul < 0 || nul >= this.#end) throw this.#error('text that ends with a NUL byte');
    this.#at = nul + 1;
    return this.#string(from, nul);
  }

  /** So many bytes of UTF-8 text. */
  text(length: number): string {
    const at = this.#take(length, 'of text');
    return this.#string(at, at + length);
  }

  /** A copy of so many bytes. */
  bytes(length: number): Buffer {
    const at = this.#take(length, 'of data');
    const copy = Buffer.allocUnsafe(length);
    this.#buffer.copy(copy, 0, at, at + length);
    return copy;
  }

  /** A copy of all that is left. */
  rest(): Buffer {
    return this.bytes(this.remaining);
  }

  /** Passes over so many bytes. */
  skip(n: number): void {
    this.#take(n, 'of data');
  }

  /** Asserts that the message ends here. */
  finish(): void {
    if (this.#at !== this.#end) throw this.#error('the end of the message');
  }

  #string(from: number, to: number): string {
    if (to - from <= MAX_STRING_LENGTH) return this.#buffer.toString('utf8', from, to);
    // PostgreSQL's values may be twice as long as the longest string that V8 can hold.
    throw new ProtocolError(
      `${this.#what} has a text of ${to - from} bytes; the longest here is ${MAX_STRING_LENGTH}`,
      {
        remedy: 'Keep such values out of the publication, with a column list for instance.',
      },
    );
  }

  #take(length: number, expected: string): number {
    const at = this.#at;
    // `!` lets a NaN fail as well.
    if (!(length >= 0 && length <= this.#end - at)) throw this.#error(`${bytes(length)} ${expected}`);
    this.#at = at + length;
    return at;
  }

  #error(expected: string): ProtocolError {
    const left = this.remaining;
    return new ProtocolError(
      `${this.#what}: expected ${expected} at byte ${this.offset}, where ${bytes(left)} ${left === 1 ? 'is' : 'are'} left`,
    );
  }
}

function bytes(count: number): string {
  return `${count} ${count === 1 ? 'byte' : 'bytes'}`;
}
