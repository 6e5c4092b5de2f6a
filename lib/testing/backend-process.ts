import { toLsn, type Lsn } from '../common/lsn';
import * as backend from './backend-messages';
import { ClientAuditor, type FakeStatus } from './client-auditor';
import type { ClientOptions } from './client-options';
import type { FakeCluster } from './cluster';
import { FaultyOutbox, type ServerSocket } from './faulty-outbox';
import { MessageHandler } from './message-handler';
import type { Security, StartupParameters } from './server-startup';
import type { WalTransaction } from './transaction';
import { buildTransactionFrames } from './wal';

/**
 * The server process of one connection. `receive` takes the client's bytes; the responses are written to the outbox. Source: PostgreSQL manual, "Message Flow" and "Streaming Replication Protocol".
 */
export class BackendProcess {
  /** The client's actions in order: `startup`, `query …`, `status 0/0`, `copyDone`, `terminate`, `cancel …`. */
  readonly log: string[] = [];
  /**
   * Records what was sent to the client, and checks what the client confirms.
   *
   * @internal
   */
  readonly auditor: ClientAuditor;
  /**
   * The output to the client, which injects network faults.
   *
   * @internal
   */
  readonly outbox: FaultyOutbox;
  /**
   * The TLS state; undefined without TLS.
   *
   * @internal
   */
  security: Security | undefined;
  /** Whether the connection is no longer used. */
  closed = false;
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
        cluster.schedule(ms, callback);
      },
      {
        sent: (bytes) => {
          // The response to an SSLRequest, before start-up, has no frame.
          if (this.startup) this.auditor.recordSent(bytes);
        },
        ended: () => {
          this.#handler.end();
        },
      },
    );
    this.#handler = new MessageHandler(cluster, this);
  }

  /** The start position of START_REPLICATION. */
  get startLsn(): Lsn | undefined {
    return this.#handler.startLsn;
  }

  /** The options of START_REPLICATION that determine how transactions are sent. */
  get options(): ClientOptions {
    return this.#handler.options;
  }

  /** The settings that the client has changed with SET, by name. */
  get settings(): ReadonlyMap<string, string> {
    return this.#handler.settings;
  }

  /** The parameters of the start-up message. */
  get startup(): StartupParameters | undefined {
    return this.#handler.parameters;
  }

  /** Whether the connection uses TLS. */
  get secure(): boolean {
    return this.security !== undefined;
  }

  get streaming(): boolean {
    return this.#handler.streaming;
  }

  /** The standby status updates received. */
  get statuses(): FakeStatus[] {
    return this.auditor.statuses;
  }

  /** The flush positions of {@link statuses}. */
  get flushed(): Lsn[] {
    return this.statuses.map((status) => status.flushed);
  }

  get queries(): string[] {
    return this.log.filter((entry) => entry.startsWith('query ')).map((entry) => entry.slice('query '.length));
  }

  // ── actions of the server ──

  /** Sends frames, or any bytes, as one segment. */
  send(...frames: readonly Buffer[]): void {
    this.outbox.write(Buffer.concat(frames));
  }

  /** Sends transactions, as one segment. */
  stream(...transactions: readonly WalTransaction[]): void {
    this.send(
      ...transactions.flatMap((transaction) => buildTransactionFrames(transaction, this.cluster.time, this.options)),
    );
  }

  /** Sends payloads of the output plugin, as one segment. */
  push(...payloads: readonly Buffer[]): void {
    const serverTime = this.cluster.time;
    this.send(...payloads.map((payload) => backend.buildXlogData(payload, { serverTime })));
  }

  keepalive(walEnd: Lsn | string, replyRequested = false): void {
    this.send(backend.buildKeepalive(toLsn('walEnd', walEnd), replyRequested, this.cluster.time));
  }

  error(fields: backend.FieldsByLetter = {}): void {
    this.send(backend.buildErrorResponse(fields));
  }

  /** Ends the stream and releases the slot. The connection stays open. */
  endStream(...frames: readonly Buffer[]): void {
    this.#handler.endStream();
    this.send(...frames);
  }

  /** Closes the connection after all written data is sent. */
  close(): void {
    this.#handler.endStream();
    this.outbox.close();
  }

  /** Completes a slot creation that waits because of `behaviour.creationWaits`. */
  finishCreation(): void {
    this.#handler.finishCreation();
  }

  // ── actions of the client ──

  /** @internal */
  receive(bytes: Buffer): void {
    this.#handler.receive(bytes);
  }

  /**
   * The connection is closed.
   *
   * @internal
   */
  handleDisconnect(): void {
    this.closed = true;
    this.outbox.discard();
    this.#handler.endStream();
    this.cluster.notifyChanged();
  }
}
