import { formatLsn, parseLsn, toLsn, type Lsn } from '../common/lsn';
import { ClientAuditor, type FakeStatus } from './client-auditor';
import * as backend from './backend-messages';
import { ClientMessages, type ClientMessage } from './client-messages';
import type { FakeCluster } from './cluster';
import { executeCommand, buildResultSet } from './commands';
import {
  acceptStartup,
  type Security,
  type Startup,
  type StartupParameters,
  type StartupResult,
} from './server-startup';
import { FaultyOutbox, type ServerSocket } from './faulty-outbox';
import { parseClientOptions, type ClientOptions } from './client-options';
import type { WalTransaction } from './transaction';
import { buildXlogData } from './wal';
import { WalSender } from './wal-sender';

/** CopyData of a client: `r`, the standby status update. */
const STATUS = 0x72;
const STATUS_LENGTH = 34;

function isStatus(body: Buffer): boolean {
  return body[0] === STATUS && body.length === STATUS_LENGTH;
}

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
  /** The position that START_REPLICATION asked for. */
  startLsn: Lsn | undefined;
  /** In which form START_REPLICATION asked for transactions. */
  options: ClientOptions = { streaming: 'off', twoPhase: false };
  /** What the client has set by SET, by the setting's name. */
  readonly settings = new Map<string, string>();
  /** The parameters of the start-up message. */
  startup: StartupParameters | undefined;
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
  readonly #messages = new ClientMessages();
  #startup: Startup | undefined;
  #walSender: WalSender | undefined;
  /** Whether the server has closed it. */
  #ended = false;
  #creating: (() => void) | undefined;

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
          this.#ended = true;
          this.#walSender?.end();
        },
      },
    );
    this.#startup = acceptStartup(cluster, processId, (parameters) => {
      this.startup = parameters;
      this.log.push('startup');
      return this.security;
    });
    this.#startup.next();
  }

  /** Whether it is encrypted. */
  get secure(): boolean {
    return this.security !== undefined;
  }

  get streaming(): boolean {
    return this.#walSender?.streaming ?? false;
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
    this.#walSender?.end();
    this.send(...frames);
  }

  /** Closes the connection in order, behind what was sent. */
  close(): void {
    this.#walSender?.end();
    this.outbox.close();
  }

  /** The open write transactions have ended. */
  finishCreation(): void {
    this.#creating?.();
  }

  // ── what the client does ──

  /** @internal */
  receive(bytes: Buffer): void {
    this.#messages.push(bytes);
    for (let message = this.#next(); message; message = this.#next()) this.#take(message);
    this.cluster.changed();
  }

  /**
   * The client is not there any more, or nothing can be read from it.
   *
   * @internal
   */
  disconnected(): void {
    this.gone = true;
    this.outbox.discard();
    this.#walSender?.end();
    this.cluster.changed();
  }

  #next(): ClientMessage | undefined {
    return this.gone || this.#ended ? undefined : this.#messages.next();
  }

  #take({ tag, body }: ClientMessage): void {
    this.#walSender?.recordReceived();
    const text = body.toString('utf8', 0, body.length - 1);
    if (this.#startup && (tag === '' || tag === 'p')) this.#continueStartup(this.#startup.next(body));
    else if (tag === 'Q' && !this.streaming) this.#query(text.replace(/\s+/g, ' '));
    else if (tag === 'd' && this.#walSender && isStatus(body)) this.#walSender.takeStatus(body);
    else if (tag === 'c' && this.#walSender) this.#copyDone(this.#walSender);
    else if (tag === 'X') this.#terminate();
    else this.#refuse(tag, text);
  }

  #continueStartup(turn: IteratorResult<Buffer, StartupResult>): void {
    if (!turn.done) {
      this.#reply(turn.value);
      return;
    }
    const result = turn.value;
    this.#startup = undefined;
    if (result.kind === 'accepted') this.#reply(...result.frames);
    else if (result.kind === 'refused') this.#fatal(result.fields);
    else if (result.kind === 'cancelRequest') this.#cancel(result.processId);
  }

  #cancel(processId: number): void {
    this.log.push(`cancel ${processId}`);
    this.cluster.cancelled.push(processId);
    this.#later(0, () => {
      this.close();
    });
  }

  // ── commands ──

  #query(sql: string): void {
    this.log.push(`query ${sql}`);
    const { behaviour } = this.cluster;
    if (!behaviour.answers) return;
    const special = behaviour.answersTo.find(([pattern]) => pattern.test(sql));
    if (special) this.#reply(special[1], backend.readyForQuery());
    else if (sql.startsWith('START_REPLICATION')) this.#startReplication(sql);
    else if (sql.startsWith('CREATE_REPLICATION_SLOT')) this.#createSlot(sql);
    else this.#reply(executeCommand(this.cluster, this.settings, sql), backend.readyForQuery());
  }

  #createSlot(sql: string): void {
    const [, name = '', temporary, plugin = ''] = /"(\w+)"( TEMPORARY)? LOGICAL "(\w+)"/.exec(sql) ?? [];
    const create = (): void => {
      this.#creating = undefined;
      if (this.gone) return;
      const confirmedFlushLsn = this.cluster.walPosition;
      const twoPhase = / TWO_PHASE true\b/.test(sql);
      this.cluster.addSlot(name, { plugin, temporary: temporary !== undefined, twoPhase, confirmedFlushLsn });
      const columns = ['slot_name', 'consistent_point', 'snapshot_name', 'output_plugin'];
      this.#reply(
        buildResultSet(columns, [[name, formatLsn(confirmedFlushLsn), null, plugin]]),
        backend.readyForQuery(),
      );
    };
    if (this.cluster.slots.has(name)) this.#complain('42710', `replication slot "${name}" already exists`);
    else if (this.cluster.behaviour.creationWaits) this.#creating = create;
    else create();
  }

  #startReplication(sql: string): void {
    const [, name = '', lsn = '0/0'] = /SLOT "(\w+)" LOGICAL (\S+)/.exec(sql) ?? [];
    const slot = this.cluster.slots.get(name);
    if (!slot) {
      this.#complain('42704', `replication slot "${name}" does not exist`);
    } else if (slot.owner) {
      const pid = typeof slot.owner === 'number' ? slot.owner : slot.owner.processId;
      this.#complain('55006', `replication slot "${name}" is active for PID ${pid}`);
    } else {
      const start = parseLsn(lsn);
      const walSender = new WalSender(this.cluster, this, slot);
      this.startLsn = start;
      this.options = parseClientOptions(sql);
      slot.twoPhase ||= this.options.twoPhase;
      this.#walSender = walSender;
      this.#later(this.cluster.latency, () => {
        if (!this.gone && !this.#ended) walSender.start(start);
      });
    }
  }

  // ── the end ──

  #terminate(): void {
    this.log.push('terminate');
    this.#later(0, () => {
      this.close();
    });
  }

  #copyDone(walSender: WalSender): void {
    this.log.push('copyDone');
    walSender.takeCopyDone();
  }

  #refuse(tag: string, text: string): void {
    const where = this.streaming ? 'in the stream' : 'outside a stream';
    const what = tag === 'Q' ? `the query ${JSON.stringify(text)}` : `a message of type ${JSON.stringify(tag)}`;
    this.cluster.report(this.processId, { kind: 'unexpectedMessage', what: `${what} ${where}` });
    this.#fatal({ C: '08P01', M: `unexpected message type ${JSON.stringify(tag)}` });
  }

  #fatal(fields: backend.FieldsByLetter): void {
    this.error({ S: 'FATAL', V: 'FATAL', ...fields });
    this.close();
  }

  #complain(C: string, M: string): void {
    this.#reply(backend.errorResponse({ C, M }), backend.readyForQuery());
  }

  #reply(...frames: readonly Buffer[]): void {
    this.#later(this.cluster.latency, () => {
      this.send(...frames);
    });
  }

  #later(ms: number, callback: () => void): void {
    this.cluster.later(ms, callback);
  }
}
