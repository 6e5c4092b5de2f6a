import { ProtocolError, ReplicationError } from '../common/errors';
import { decodeUtf8SurrogateEscape } from './text';

/**
 * Reads the fields of one message in order. Reading past the end throws a {@link ProtocolError}.
 *
 * A hot loop uses one reader for all messages, see {@link reset}.
 */
export class Reader {
  #buffer: Buffer;
  /** A view of the same bytes: V8 reads integers from it without a loop. */
  #view: DataView;
  #start: number;
  #end: number;
  #at: number;
  #what: string;

  /** @param what names the message in errors, as in 'Insert message' */
  constructor(buffer: Buffer, start: number, end: number, what: string) {
    this.#buffer = buffer;
    this.#view = createView(buffer);
    this.#start = start;
    this.#at = start;
    this.#end = end;
    this.#what = what;
  }

  /** Points the reader at another message. */
  reset(buffer: Buffer, start: number, end: number, what: string): void {
    if (buffer !== this.#buffer) {
      this.#buffer = buffer;
      this.#view = createView(buffer);
    }
    this.#start = start;
    this.#at = start;
    this.#end = end;
    this.#what = what;
  }

  /** The number of bytes that are not read yet. */
  get remaining(): number {
    return this.#end - this.#at;
  }

  /** The number of bytes that are read. */
  get offset(): number {
    return this.#at - this.#start;
  }

  u8(): number {
    const byte = this.#buffer[this.#at];
    if (byte === undefined || this.#at >= this.#end) throw this.#error('1 byte of an integer');
    this.#at++;
    return byte;
  }

  i16(): number {
    return this.#view.getInt16(this.#take(2, 'of an integer'));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2, 'of an integer'));
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4, 'of an integer'));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4, 'of an integer'));
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8, 'of an integer'));
  }

  /** Reads text up to a NUL byte, and the NUL byte. Bytes that are not UTF-8 are escaped, see {@link decodeUtf8SurrogateEscape}. */
  cstring(): string {
    const from = this.#at;
    const nul = this.#buffer.indexOf(0, from);
    if (nul < 0 || nul >= this.#end) throw this.#error('text that ends with a NUL byte');
    this.#at = nul + 1;
    return this.#decodeText(from, nul);
  }

  /** Reads so many bytes of text, as {@link cstring} does. */
  text(length: number): string {
    const at = this.#take(length, 'of text');
    return this.#decodeText(at, at + length);
  }

  /** Reads so many bytes with a function. */
  value<T>(length: number, read: (bytes: Buffer, start: number, end: number) => T): T {
    const at = this.#take(length, 'of text');
    return read(this.#buffer, at, at + length);
  }

  /** Reads a copy of so many bytes. */
  bytes(length: number): Buffer {
    const at = this.#take(length, 'of data');
    const copy = Buffer.allocUnsafe(length);
    this.#buffer.copy(copy, 0, at, at + length);
    return copy;
  }

  /** Reads a copy of all remaining bytes. */
  rest(): Buffer {
    return this.bytes(this.remaining);
  }

  /** Returns the bytes that were read from this offset on, as one character for each byte. */
  latin1From(offset: number): string {
    return this.#buffer.toString('latin1', this.#start + offset, this.#at);
  }

  /** Skips so many bytes. */
  skip(n: number): void {
    this.#take(n, 'of data');
  }

  /** Asserts that the message ends here. */
  finish(): void {
    if (this.#at !== this.#end) throw this.#error('the end of the message');
  }

  #decodeText(start: number, end: number): string {
    try {
      return decodeUtf8SurrogateEscape(this.#buffer, start, end);
    } catch (cause) {
      throw new ReplicationError('LIMIT_EXCEEDED', `${this.#what}: a text at byte ${start - this.#start} is too long`, {
        cause,
        remedy: 'See the cause; leave out messages: true where it is the prefix of a logical message.',
      });
    }
  }

  #take(length: number, expected: string): number {
    const at = this.#at;
    // The negation also rejects NaN.
    if (!(length >= 0 && length <= this.#end - at)) throw this.#error(`${formatBytes(length)} ${expected}`);
    this.#at = at + length;
    return at;
  }

  #error(expected: string): ProtocolError {
    const left = this.remaining;
    return new ProtocolError(
      `${this.#what}: expected ${expected} at byte ${this.offset}, but only ${formatBytes(left)} ${left === 1 ? 'remains' : 'remain'}`,
    );
  }
}

function createView(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
}

function formatBytes(count: number): string {
  return `${count} ${count === 1 ? 'byte' : 'bytes'}`;
}
