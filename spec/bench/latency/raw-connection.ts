import type { Socket } from 'node:net';
import { encodeQuery, encodeStartupMessage } from '../../../lib/wire/frontend';
import { quotePublicationNames, buildStartReplication } from '../../../lib/commands/sql';
import { encodeStandbyStatusUpdate } from '../../../lib/wire/replication-messages';
import type { Task } from '../clients/task';
import type { Endpoint } from '../server';
import { openSocket } from './raw-socket';

const [ERROR, READY_FOR_QUERY, COPY_BOTH] = [0x45, 0x5a, 0x57];

/** The interval of status updates, in ms. */
export const STATUS_INTERVAL = 1_000;
/** The offset of a payload in its frame: after the type byte, the length, `w`, two positions and a timestamp. */
export const PAYLOAD_AT = 5 + 25;

/** Called for each frame. `bytes` contains it from its type byte to `end`; the chunk with its end arrived at `time`. */
export type OnFrame = (bytes: Buffer, start: number, end: number, time: number) => void;

/** Reads frames directly from the socket: without pausing, a window, or decoding. */
export class RawConnection {
  readonly socket: Socket;
  onFrame: OnFrame = () => undefined;
  #rest: Buffer = Buffer.alloc(0);

  /** @throws the server's error */
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

  /** Runs an SQL command to completion. */
  run(sql: string): Promise<void> {
    return this.#ask(encodeQuery(sql), READY_FOR_QUERY);
  }

  /** Starts a stream, and calls `onFrame` for each frame. */
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
