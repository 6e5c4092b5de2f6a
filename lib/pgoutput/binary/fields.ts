import { decodeUtf8 } from '../../wire/text';

/** Reads the fields of one value in order. Reading past the end of the value throws an Error. */
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

  /** The number of bytes that are not read yet. */
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

  /** Reads the number of items that follow. @param minBytes the smallest size of an item */
  count(bytesOfEach: number): number {
    const count = this.i32();
    if (count < 0 || count * bytesOfEach > this.remaining) {
      throw new Error(`the value declares ${count} items, but only ${this.remaining} bytes remain`);
    }
    return count;
  }

  /** Reads UTF-8 text up to a NUL byte, and the NUL byte. */
  cstring(): string {
    const from = this.#at;
    const nul = this.bytes.indexOf(0, from);
    if (nul < 0 || nul >= this.#end)
      throw new Error(`the text at byte ${from - this.#start} has no terminating NUL byte`);
    this.#at = nul + 1;
    return decodeUtf8(this.bytes, from, nul);
  }

  /** Skips so many bytes. @returns the offset of the first of them */
  take(length: number): number {
    const at = this.#at;
    if (length < 0 || length > this.#end - at) {
      throw new Error(`expected ${length} bytes at byte ${at - this.#start}, but only ${this.remaining} remain`);
    }
    this.#at = at + length;
    return at;
  }

  /** Asserts that the value ends here. */
  finish(): void {
    if (this.#at !== this.#end) throw new Error(`${this.remaining} bytes follow the value`);
  }
}
