import { ProtocolError } from '../../common/errors';
import { type ServerMessage } from '../../pgoutput/messages/messages';
import { KeepaliveMessage } from '../../pgoutput/messages/walsender-messages';
import { BackendTag, decodeBackendMessage } from '../../wire/backend';
import type { FrameDecoder } from '../../wire/frames';
import { Reader } from '../../wire/reader';
import { KEEPALIVE, readKeepalive, XLOG_DATA } from '../../wire/replication-messages';
import { toSkippedPublicationError, toStreamError } from '../../commands/server-errors';
import type { PayloadDecoder } from './session-ports';

/** Decodes what the server sends between CopyBoth and the end, one frame at a time. */
export class StreamReader {
  readonly #frames: FrameDecoder;
  readonly #decode: PayloadDecoder;
  readonly #reader = new Reader(Buffer.alloc(0), 0, 0, 'Keepalive');
  #ended = false;

  constructor(frames: FrameDecoder, decode: PayloadDecoder) {
    this.#frames = frames;
    this.#decode = decode;
  }

  push(chunk: Buffer): void {
    this.#frames.push(chunk);
  }

  /** @returns false when no whole frame is there */
  next(): boolean {
    return this.#frames.next();
  }

  /** The type byte of the present frame. */
  get tag(): number {
    return this.#frames.tag;
  }

  /** The body of the present frame, in bytes. */
  get size(): number {
    return this.#frames.end - this.#frames.start;
  }

  /** Whether the server has ended the stream by itself: one that stops sends CommandComplete, and then closes. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * The message of the present frame; undefined where there is nothing to deliver.
   *
   * @throws the server's error, or a ProtocolError
   */
  read(): ServerMessage | undefined {
    if (this.tag === BackendTag.CopyData) return this.#readCopyData();
    this.#readOther();
    return undefined;
  }

  #readCopyData(): ServerMessage {
    const { buffer, start, end } = this.#frames;
    const type = start < end ? buffer[start] : undefined;
    if (type === XLOG_DATA) return this.#decode(buffer, start + 1, end);
    if (type === KEEPALIVE) {
      this.#reader.reset(buffer, start + 1, end, 'Keepalive');
      const { walEnd, serverTime, replyRequested } = readKeepalive(this.#reader);
      return new KeepaliveMessage(walEnd, serverTime, replyRequested);
    }
    const what = type === undefined ? 'an empty CopyData' : `CopyData of unknown type 0x${type.toString(16)}`;
    throw new ProtocolError(`The server sent ${what}; expected XLogData 'w' or a keepalive 'k'`);
  }

  #readOther(): void {
    const message = decodeBackendMessage(this.#frames);
    switch (message.kind) {
      case 'notice': {
        const error = toSkippedPublicationError(message.fields);
        if (error) throw error;
        return;
      }
      case 'error':
        throw toStreamError(message.fields);
      case 'copyDone':
      case 'commandComplete':
        this.#ended = true;
        return;
      case 'parameterStatus':
      case 'notification':
      case 'readyForQuery':
        return;
      default:
        throw new ProtocolError(`The server sent ${message.kind} in the middle of the stream`);
    }
  }
}
