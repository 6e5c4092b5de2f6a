import { ProtocolError, ReplicationError } from '../common/errors';

/** Type byte and length word. */
const HEADER = 5;
/** PostgreSQL builds a message in one allocation of at most 1 GiB - 1 (MaxAllocSize); the length word counts itself. */
export const MAX_MESSAGE_LENGTH = 0x3fff_ffff + 4;
const MIN_ASSEMBLY = 16 * 1024;
/** An assembly buffer beyond this size is given back after its frame. */
const MAX_KEPT_ASSEMBLY = 1024 * 1024;
/** The queue is shortened when it starts with so many consumed chunks. */
const MAX_CONSUMED_CHUNKS = 1024;

const EMPTY = Buffer.alloc(0);

/**
 * Cuts the server's bytes into frames, one for each call of {@link next}, so that its caller can stop anywhere.
 *
 * A frame that lies in one chunk is pointed at where it lies; one that crosses chunks is copied together as its
 * bytes arrive, so that a declared length alone never costs memory.
 */
export class FrameDecoder {
  /** The largest length that a header may declare, in bytes, its own four included. */
  limit: number;
  /** The remedy for a longer message, where a server may send one; undefined where it does not. */
  remedy: string | undefined;
  /** The type byte of the current frame. */
  tag = 0;
  /** Where the body of the current frame stands, in [start, end); good until the next call of {@link next}. */
  buffer: Buffer = EMPTY;
  start = 0;
  end = 0;

  /** What was pushed; chunks before #head are used up, and of the one at #head what is before #position. */
  readonly #chunks: Buffer[] = [];
  #head = 0;
  #position = 0;
  #assembly: Buffer = EMPTY;
  /** Bytes in the assembly buffer, header included; 0 while no frame is being put together. */
  #assembled = 0;

  constructor(limit: number = MAX_MESSAGE_LENGTH) {
    this.limit = limit;
  }

  /** Takes a chunk, which must not be written to afterwards. The current frame stays good. */
  push(chunk: Buffer): void {
    if (chunk.length > 0) this.#chunks.push(chunk);
  }

  /**
   * Moves to the next frame.
   *
   * @returns false when it has not arrived in full
   * @throws {ProtocolError} for a length that no frame can have, as soon as the header is there, and again each time
   * @throws {ReplicationError} `LIMIT_EXCEEDED` for one that only the limit forbids
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
      if (available >= HEADER) {
        const total = this.#readFrameLength(chunk, at);
        if (available >= total) {
          this.#setFrame(chunk, at, total);
          this.#advance(chunk, total);
          return true;
        }
      }
      this.#append(chunk, available, HEADER);
    }
  }

  /** Adds to the unfinished frame what the chunk has of it. */
  #assemble(chunk: Buffer): boolean {
    const total = this.#assembled < HEADER ? HEADER : this.#readFrameLength(this.#assembly, 0);
    const missing = total - this.#assembled;
    if (missing > 0) this.#append(chunk, Math.min(missing, chunk.length - this.#position), total);
    if (this.#assembled < HEADER) return false;
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
      // Doubling, whatever the header says: memory follows the bytes that came, and each is moved about once.
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
    this.start = at + HEADER;
    this.end = at + total;
  }

  /** Releases the last frame, whose chunk may be large. */
  #releaseFrame(): false {
    if (this.#assembled >= HEADER) this.#readFrameLength(this.#assembly, 0);
    this.buffer = EMPTY;
    this.start = 0;
    this.end = 0;
    return false;
  }

  /** The whole frame's length: the length word counts itself, but not the type byte before it. */
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
    return new ProtocolError(`${what}; expected between 4 and ${limit}`);
  }
}

/** Shows a type byte the way that the manual writes it, if it can be written. */
export function formatTag(tag: number): string {
  return tag > 0x20 && tag < 0x7f ? `'${String.fromCharCode(tag)}'` : `0x${tag.toString(16).padStart(2, '0')}`;
}
