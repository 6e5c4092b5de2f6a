import type { Socket } from 'node:net';
import { encodeQuery, encodeStartupMessage } from '../../../lib/wire/frontend';
import { quotePublicationNames, buildStartReplication } from '../../../lib/commands/sql';
import { encodeStandbyStatusUpdate } from '../../../lib/wire/replication-messages';
import type { Task } from '../clients/task';
import type { Endpoint } from '../server';
import { openSocket } from './raw-socket';

const [ERROR, READY_FOR_QUERY, COPY_BOTH] = [0x45, 0x5a, 0x57];

/** How often a bare socket confirms, in ms. */
export const STATUS_INTERVAL = 1_000;
/** Where a payload begins in its frame: behind type byte, length word, `w`, two positions and a clock. */
export const PAYLOAD_AT = 5 + 25;

/** Hears of each frame: it lies in `bytes` from its type byte to `end`, and came with the chunk that came at `time`. */
export type OnFrame = (bytes: Buffer, start: number, end: number, time: number) => void;

/** Frames as they come, with nothing between them and the socket: no pause, no window, no decoding. */
export class RawConnection {
  readonly socket: Socket;
  onFrame: OnFrame = () => undefined;
  #rest: Buffer = Buffer.alloc(0);

  /** @throws what the server says has gone wrong */
  static async open(endpoint: Endpoint, parameters: Readonly<Record<string, string>> = {}): Promise<RawConnection> {
    const connection = new RawConnection(await openSocket(endpoint));
    await connection.#ask(
      encodeStartupMessage({ user: endpoint.user, database: endpoint.database, ...parameters }),
      READY_FOR_QUERY,
    );
    return connection;
  }

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      const time = performance.now();
      const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
      let at = 0;
      while (bytes.length - at >= 5) {
        const end = at + 1 + bytes.readUInt32BE(at + 1);
        if (end > bytes.length) break;
        if (bytes[at] === ERROR) throw new Error(`The server says: ${bytes.toString('utf8', at + 5, end)}`);
        this.onFrame(bytes, at, end, time);
        at = end;
      }
      this.#rest = bytes.subarray(at);
    });
  }

  /** Runs SQL to its end. */
  run(sql: string): Promise<void> {
    return this.#ask(encodeQuery(sql), READY_FOR_QUERY);
  }

  /** Starts a stream, and lets `onFrame` hear of all that comes in it. */
  startStream({ slot, publication }: Task, onFrame: OnFrame): Promise<void> {
    const options = { proto_version: '1', publication_names: quotePublicationNames([publication]) };
    return this.#ask(encodeQuery(buildStartReplication(slot, '0/0', options)), COPY_BOTH, onFrame);
  }

  /** Sends a status update. */
  confirm(lsn: bigint): void {
    const status = { written: lsn, flushed: lsn, applied: lsn, now: Date.now(), replyRequested: false };
    this.socket.write(encodeStandbyStatusUpdate(status));
  }

  #ask(message: Buffer, answer: number, then: OnFrame = () => undefined): Promise<void> {
    return new Promise((resolve) => {
      this.onFrame = (bytes, start) => {
        if (bytes[start] !== answer) return;
        this.onFrame = then;
        resolve();
      };
      this.socket.write(message);
    });
  }
}
