import { decodeUtf8 } from '../../wire/text';

/** Reads the fields of one value in turn. Whatever goes past its end is an Error. */
export class Fields {
  readonly bytes: Buffer;
  readonly #start: number;
  readonly #end: number;
  #at: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = bytes;
    this.#start = start;
    this.#at = start;
    this.#end = end;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#end - this.#at;
  }

  u8(): number {
    return this.bytes.readUInt8(this.take(1));
  }

  i16(): number {
    return this.bytes.readInt16BE(this.take(2));
  }

  u16(): number {
    return this.bytes.readUInt16BE(this.take(2));
  }

  i32(): number {
    return this.bytes.readInt32BE(this.take(4));
  }

  u32(): number {
    return this.bytes.readUInt32BE(this.take(4));
  }

  /** A number of things of which each has at least so many bytes. */
  count(bytesOfEach: number): number {
    const count = this.i32();
    if (count < 0 || count * bytesOfEach > this.remaining) {
      throw new Error(`it counts ${count} parts in the ${this.remaining} bytes that are left`);
    }
    return count;
  }

  /** UTF-8 text up to a NUL byte, which is consumed too. */
  cstring(): string {
    const from = this.#at;
    const nul = this.bytes.indexOf(0, from);
    if (nul < 0 || nul >= this.#end) throw new Error(`the text at byte ${from - this.#start} does not end`);
    this.#at = nul + 1;
    return decodeUtf8(this.bytes, from, nul);
  }

  /** @returns where the next bytes stand, so many of which are read now */
  take(length: number): number {
    const at = this.#at;
    if (length < 0 || length > this.#end - at) {
      throw new Error(`expected ${length} bytes at byte ${at - this.#start}, where ${this.remaining} are left`);
    }
    this.#at = at + length;
    return at;
  }

  /** Asserts that the value ends here. */
  finish(): void {
    if (this.#at !== this.#end) throw new Error(`${this.remaining} bytes are left behind its end`);
  }
}
