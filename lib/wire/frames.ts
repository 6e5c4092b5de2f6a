import { ProtocolError, ReplicationError } from '../common/errors';

/** The size of type byte and length field. */
const HEADER_BYTES = 5;
/** PostgreSQL builds a message in one allocation of at most 1 GiB - 1 (MaxAllocSize). The length field includes itself. */
export const MAX_MESSAGE_LENGTH = 0x3fff_ffff + 4;
const MIN_ASSEMBLY = 16 * 1024;
/** An assembly buffer larger than this is released after its frame. */
const MAX_KEPT_ASSEMBLY = 1024 * 1024;
/** The number of consumed chunks at which they are removed from the queue. */
const MAX_CONSUMED_CHUNKS = 1024;

const EMPTY = Buffer.alloc(0);

/**
 * Splits the server's bytes into frames, one for each call of {@link next}, so the caller can stop after any frame.
 *
 * A frame within one chunk is not copied. A frame across several chunks is assembled as its bytes arrive, so a declared length
 * alone allocates no memory.
 */
export class FrameDecoder {
  /** The maximum length that a header may declare, in bytes, including the length field. */
  limit: number;
  /** The remedy for a longer message; undefined if no server sends one. */
  remedy: string | undefined;
  /** The type byte of the current frame. */
  tag = 0;
  /** The buffer with the body of the current frame at [start, end). Valid until the next call of {@link next}. */
  buffer: Buffer = EMPTY;
  start = 0;
  end = 0;

  /** The pushed chunks. Those before #head, and the bytes before #position of the one at #head, are consumed. */
  readonly #chunks: Buffer[] = [];
  #head = 0;
  #position = 0;
  #assembly: Buffer = EMPTY;
  /** The number of bytes in the assembly buffer, including the header; 0 if no frame is being assembled. */
  #assembled = 0;

  constructor(limit: number = MAX_MESSAGE_LENGTH) {
    this.limit = limit;
  }

  /** Adds a chunk, which must not be changed afterwards. The current frame stays valid. */
  push(chunk: Buffer): void {
    if (chunk.length > 0) this.#chunks.push(chunk);
  }

  /**
   * Moves to the next frame.
   *
   * @returns false if the frame is not complete yet
   * @throws {ProtocolError} for an impossible length, as soon as the header is received, and at each further call
   * @throws {ReplicationError} `LIMIT_EXCEEDED` for a possible length above the limit
   */
  next(): boolean {
    for (;;) {
      const chunk = this.#chunks[this.#head];
      if (chunk === undefined) return this.#releaseFrame();
      if (this.#assembled > 0) {
        if (this.#assemble(chunk)) return true;
        continue;
      }
      const at = this.#position;
      const available = chunk.length - at;
      if (available >= HEADER_BYTES) {
        const total = this.#readFrameLength(chunk, at);
        if (available >= total) {
          this.#setFrame(chunk, at, total);
          this.#advance(chunk, total);
          return true;
        }
      }
      this.#append(chunk, available, HEADER_BYTES);
    }
  }

  /** Adds the chunk's bytes of the incomplete frame to the assembly buffer. */
  #assemble(chunk: Buffer): boolean {
    const total = this.#assembled < HEADER_BYTES ? HEADER_BYTES : this.#readFrameLength(this.#assembly, 0);
    const missing = total - this.#assembled;
    if (missing > 0) this.#append(chunk, Math.min(missing, chunk.length - this.#position), total);
    if (this.#assembled < HEADER_BYTES) return false;
    const length = this.#readFrameLength(this.#assembly, 0);
    if (this.#assembled < length) return false;
    this.#setFrame(this.#assembly, 0, length);
    this.#assembled = 0;
    if (this.#assembly.length > MAX_KEPT_ASSEMBLY) this.#assembly = EMPTY;
    return true;
  }

  #append(chunk: Buffer, count: number, total: number): void {
    const needed = this.#assembled + count;
    if (needed > this.#assembly.length) {
      // The buffer doubles regardless of the declared length: memory grows with the received bytes, and each is copied about once.
      const size = Math.max(MIN_ASSEMBLY, needed, Math.min(total, this.#assembly.length * 2));
      const larger = Buffer.allocUnsafeSlow(size);
      this.#assembly.copy(larger, 0, 0, this.#assembled);
      this.#assembly = larger;
    }
    chunk.copy(this.#assembly, this.#assembled, this.#position, this.#position + count);
    this.#assembled = needed;
    this.#advance(chunk, count);
  }

  #advance(chunk: Buffer, count: number): void {
    this.#position += count;
    if (this.#position < chunk.length) return;
    this.#position = 0;
    this.#head += 1;
    if (this.#head === this.#chunks.length) {
      this.#chunks.length = 0;
      this.#head = 0;
    } else if (this.#head >= MAX_CONSUMED_CHUNKS && this.#head * 2 >= this.#chunks.length) {
      this.#chunks.splice(0, this.#head);
      this.#head = 0;
    }
  }

  #setFrame(buffer: Buffer, at: number, total: number): void {
    this.tag = buffer.readUInt8(at);
    this.buffer = buffer;
    this.start = at + HEADER_BYTES;
    this.end = at + total;
  }

  /** Releases the buffer of the last frame, which may be large. */
  #releaseFrame(): false {
    if (this.#assembled >= HEADER_BYTES) this.#readFrameLength(this.#assembly, 0);
    this.buffer = EMPTY;
    this.start = 0;
    this.end = 0;
    return false;
  }

  /** Returns the length of the frame. The length field includes itself, but not the type byte. */
  #readFrameLength(buffer: Buffer, at: number): number {
    const length = buffer.readUInt32BE(at + 1);
    if (length < 4 || length > this.limit) throw this.#createLengthError(buffer.readUInt8(at), length);
    return length + 1;
  }

  #createLengthError(tag: number, length: number): ReplicationError {
    const what = `A message of type ${formatTag(tag)} declares a length of ${length} bytes`;
    const { limit, remedy } = this;
    if (remedy !== undefined && length > limit && length <= MAX_MESSAGE_LENGTH) {
      return new ReplicationError('LIMIT_EXCEEDED', `${what}; the limit is ${limit}`, { remedy });
    }
    return new ProtocolError(`${what}; expected 4 to ${limit}`);
  }
}

/** Formats a type byte as the manual does, if it is printable. */
export function formatTag(tag: number): string {
  return tag > 0x20 && tag < 0x7f ? `'${String.fromCharCode(tag)}'` : `0x${tag.toString(16).padStart(2, '0')}`;
}
