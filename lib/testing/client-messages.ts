export const CANCEL_REQUEST = 80877102;
export const SSL_REQUEST = 80877103;

export interface ClientMessage {
  /** '' for messages without a type byte: the StartupMessage and those before it. */
  readonly tag: string;
  readonly body: Buffer;
}

/** Splits a client's bytes into messages. Source: PostgreSQL manual, "Message Formats". */
export class ClientMessages {
  #bytes: Buffer = Buffer.alloc(0);
  #started = false;

  push(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
  }

  /** @returns undefined if no complete message was received */
  next(): ClientMessage | undefined {
    const bytes = this.#bytes;
    const header = this.#started ? 1 : 0;
    if (bytes.length < header + 4) return undefined;
    const end = header + Math.max(4, bytes.readUInt32BE(header));
    if (bytes.length < end) return undefined;
    this.#bytes = bytes.subarray(end);
    const body = bytes.subarray(header + 4, end);
    // A CancelRequest is the last message; an SSLRequest precedes the StartupMessage.
    this.#started ||= body.length >= 4 && body.readInt32BE(0) !== SSL_REQUEST;
    return { tag: bytes.toString('latin1', 0, header), body };
  }
}
