const HEADER = 5;

/**
 * Splits the data of one side of a connection into whole frames: a type byte, and a length that includes itself. Only the
 * client's first message has no type byte; of the possible first messages, it supports the StartupMessage.
 */
export class FrameSplitter {
  #pending: Buffer = Buffer.alloc(0);
  #untyped: boolean;

  constructor(side: 'client' | 'server') {
    this.#untyped = side === 'client';
  }

  /** Returns the frames that this chunk completes. */
  push(chunk: Buffer): Buffer[] {
    this.#pending = this.#pending.length > 0 ? Buffer.concat([this.#pending, chunk]) : chunk;
    const frames: Buffer[] = [];
    for (let length = this.#length(); length <= this.#pending.length; length = this.#length()) {
      frames.push(this.#pending.subarray(0, length));
      this.#pending = this.#pending.subarray(length);
      this.#untyped = false;
    }
    return frames;
  }

  /** The length of the next frame; infinite while it is unknown. */
  #length(): number {
    if (this.#untyped) return this.#pending.length >= 4 ? this.#pending.readUInt32BE(0) : Infinity;
    return this.#pending.length >= HEADER ? 1 + this.#pending.readUInt32BE(1) : Infinity;
  }
}

/** The flush position of a standby status update; undefined for any other frame. */
export function getFlushPosition(frame: Buffer): bigint | undefined {
  const isStatus = frame.length === HEADER + 34 && frame[0] === 0x64 && frame[HEADER] === 0x72;
  return isStatus ? frame.readBigUInt64BE(HEADER + 9) : undefined;
}

/** The type of a streamed message: `B`, `I`, `C` … of pgoutput, `k` for a keepalive; undefined outside the stream. */
export function streamedType(frame: Buffer): string | undefined {
  if (frame[0] !== 0x64 || frame.length <= HEADER) return undefined;
  const type = String.fromCharCode(frame[HEADER] ?? 0);
  if (type !== 'w') return type;
  return String.fromCharCode(frame[HEADER + 25] ?? 0);
}
