import { toLsn, type Lsn } from '../common/lsn';
import * as backend from './backend-messages';
import { ClientAuditor, type FakeStatus } from './client-auditor';
import type { ClientOptions } from './client-options';
import type { FakeCluster } from './cluster';
import { FaultyOutbox, type ServerSocket } from './faulty-outbox';
import { MessageHandler } from './message-handler';
import type { Security, StartupParameters } from './server-startup';
import type { WalTransaction } from './transaction';
import { buildXlogData } from './wal';

/**
 * The server process at the other end of one connection. The client's bytes go in by `receive`, answers come out of
 * its outbox. Source: PostgreSQL manual, "Message Flow" and "Streaming Replication Protocol".
 */
export class BackendProcess {
  /** What the client did, in turn: `startup`, `query …`, `status 0/0`, `copyDone`, `terminate`, `cancel …`. */
  readonly log: string[] = [];
  /**
   * Records what the client was sent and checks what it confirms.
   *
   * @internal
   */
  readonly auditor: ClientAuditor;
  /**
   * The output to the client, where faults of the network are made.
   *
   * @internal
   */
  readonly outbox: FaultyOutbox;
  /**
   * undefined: no TLS
   *
   * @internal
   */
  security: Security | undefined;
  /** Whether the connection is no longer used. */
  gone = false;
  /** @internal */
  protected readonly cluster: FakeCluster;
  readonly #handler: MessageHandler;

  /** @internal */
  constructor(
    cluster: FakeCluster,
    socket: ServerSocket,
    readonly processId: number,
  ) {
    this.cluster = cluster;
    this.auditor = new ClientAuditor((details) => {
      cluster.report(processId, details);
    });
    this.outbox = new FaultyOutbox(
      socket,
      (ms, callback) => {
        cluster.later(ms, callback);
      },
      {
        sent: (bytes) => {
          // What goes before start-up, the answer to an SSLRequest, has no frame.
          if (this.startup) this.auditor.recordSent(bytes);
        },
        ended: () => {
          this.#handler.end();
        },
      },
    );
    this.#handler = new MessageHandler(cluster, this);
  }

  /** The position that START_REPLICATION asked for. */
  get startLsn(): Lsn | undefined {
    return this.#handler.startLsn;
  }

  /** In which form START_REPLICATION asked for transactions. */
  get options(): ClientOptions {
    return this.#handler.options;
  }

  /** What the client has set by SET, by the setting's name. */
  get settings(): ReadonlyMap<string, string> {
    return this.#handler.settings;
  }

  /** The parameters of the start-up message. */
  get startup(): StartupParameters | undefined {
    return this.#handler.parameters;
  }

  /** Whether it is encrypted. */
  get secure(): boolean {
    return this.security !== undefined;
  }

  get streaming(): boolean {
    return this.#handler.streaming;
  }

  /** The standby status updates that came. */
  get statuses(): FakeStatus[] {
    return this.auditor.statuses;
  }

  /** Their flush positions. */
  get flushed(): Lsn[] {
    return this.statuses.map((status) => status.flushed);
  }

  get queries(): string[] {
    return this.log.filter((entry) => entry.startsWith('query ')).map((entry) => entry.slice('query '.length));
  }

  // ── what a script makes the server do ──

  /** Sends frames, or any bytes, as one segment. */
  send(...frames: readonly Buffer[]): void {
    this.outbox.write(Buffer.concat(frames));
  }

  /** Sends transactions, as one segment. */
  stream(...transactions: readonly WalTransaction[]): void {
    this.send(...transactions.flatMap((transaction) => buildXlogData(transaction, this.cluster.time, this.options)));
  }

  /** Sends payloads of the output plugin, as one segment. */
  push(...payloads: readonly Buffer[]): void {
    const serverTime = this.cluster.time;
    this.send(...payloads.map((payload) => backend.xlogData(payload, { serverTime })));
  }

  keepalive(walEnd: Lsn | string, replyRequested = false): void {
    this.send(backend.keepalive(toLsn('walEnd', walEnd), replyRequested, this.cluster.time));
  }

  error(fields: backend.FieldsByLetter = {}): void {
    this.send(backend.errorResponse(fields));
  }

  /** Ends the stream, not the connection: the slot is free again. */
  endStream(...frames: readonly Buffer[]): void {
    this.#handler.endStream();
    this.send(...frames);
  }

  /** Closes the connection in order, behind what was sent. */
  close(): void {
    this.#handler.endStream();
    this.outbox.close();
  }

  /** The open write transactions have ended. */
  finishCreation(): void {
    this.#handler.finishCreation();
  }

  // ── what the client does ──

  /** @internal */
  receive(bytes: Buffer): void {
    this.#handler.receive(bytes);
  }

  /**
   * The client is not there any more, or nothing can be read from it.
   *
   * @internal
   */
  disconnected(): void {
    this.gone = true;
    this.outbox.discard();
    this.#handler.endStream();
    this.cluster.changed();
  }
}
