import { parseLsn, type Lsn } from '../common/lsn';
import { readyForQuery, type FieldsByLetter } from './backend-messages';
import { ClientMessages, type ClientMessage } from './client-messages';
import { parseClientOptions, type ClientOptions } from './client-options';
import type { FakeCluster } from './cluster';
import { executeCommand, createSlot, findFreeSlot, hasSlot } from './commands';
import type { FakeSlot } from './server-state';
import {
  acceptStartup,
  type Security,
  type Startup,
  type StartupParameters,
  type StartupResult,
} from './server-startup';
import { WalSender, type WalSenderProcess } from './wal-sender';

/** CopyData of a client: `r`, the standby status update. */
const STATUS = 0x72;
const STATUS_LENGTH = 34;

function isStatus(body: Buffer): boolean {
  return body[0] === STATUS && body.length === STATUS_LENGTH;
}

/** The server process that a MessageHandler is part of. */
export interface MessageHandlerProcess extends WalSenderProcess {
  /** Whether the connection is no longer used. */
  readonly gone: boolean;
  readonly security: Security | undefined;
  error(fields: FieldsByLetter): void;
}

/**
 * Handles the messages of one client: start-up, commands, the replication stream, and the end of the connection. Source:
 * PostgreSQL manual, "Message Flow" and "Streaming Replication Protocol".
 */
export class MessageHandler {
  /** The position that START_REPLICATION asked for. */
  startLsn: Lsn | undefined;
  /** In which form START_REPLICATION asked for transactions. */
  options: ClientOptions = { streaming: 'off', twoPhase: false };
  /** What the client has set by SET, by the setting's name. */
  readonly settings = new Map<string, string>();
  /** The parameters of the start-up message. */
  parameters: StartupParameters | undefined;
  readonly #cluster: FakeCluster;
  readonly #process: MessageHandlerProcess;
  readonly #messages = new ClientMessages();
  #startup: Startup | undefined;
  #walSender: WalSender | undefined;
  /** Whether the server has closed the connection. */
  #ended = false;
  #creating: (() => void) | undefined;

  constructor(cluster: FakeCluster, process: MessageHandlerProcess) {
    this.#cluster = cluster;
    this.#process = process;
    this.#startup = acceptStartup(cluster, process.processId, (parameters) => {
      this.parameters = parameters;
      process.log.push('startup');
      return process.security;
    });
    this.#startup.next();
  }

  get streaming(): boolean {
    return this.#walSender?.streaming ?? false;
  }

  receive(bytes: Buffer): void {
    this.#messages.push(bytes);
    for (let message = this.#next(); message; message = this.#next()) this.#take(message);
    this.#cluster.changed();
  }

  /** The open write transactions have ended. */
  finishCreation(): void {
    this.#creating?.();
  }

  /** Ends the stream, not the connection: the slot is free again. */
  endStream(): void {
    this.#walSender?.end();
  }

  /** The server has closed the connection. */
  end(): void {
    this.#ended = true;
    this.endStream();
  }

  #next(): ClientMessage | undefined {
    return this.#process.gone || this.#ended ? undefined : this.#messages.next();
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
    this.#process.log.push(`cancel ${processId}`);
    this.#cluster.cancelled.push(processId);
    this.#later(0, () => {
      this.#process.close();
    });
  }

  // ── commands ──

  #query(sql: string): void {
    this.#process.log.push(`query ${sql}`);
    const { behaviour } = this.#cluster;
    if (!behaviour.answers) return;
    const special = behaviour.answersTo.find(([pattern]) => pattern.test(sql));
    if (special) this.#reply(special[1], readyForQuery());
    else if (sql.startsWith('START_REPLICATION')) this.#startReplication(sql);
    else if (sql.startsWith('CREATE_REPLICATION_SLOT')) this.#createSlot(sql);
    else this.#reply(executeCommand(this.#cluster, this.settings, sql), readyForQuery());
  }

  #createSlot(sql: string): void {
    const create = (): void => {
      this.#creating = undefined;
      if (!this.#process.gone) this.#reply(createSlot(this.#cluster, sql), readyForQuery());
    };
    if (this.#cluster.behaviour.creationWaits && !hasSlot(this.#cluster, sql)) this.#creating = create;
    else create();
  }

  #startReplication(sql: string): void {
    const [, name = '', lsn = '0/0'] = /SLOT "(\w+)" LOGICAL (\S+)/.exec(sql) ?? [];
    const slot = findFreeSlot(this.#cluster, name);
    if (Buffer.isBuffer(slot)) this.#reply(slot, readyForQuery());
    else this.#stream(slot, parseLsn(lsn), parseClientOptions(sql));
  }

  #stream(slot: FakeSlot, start: Lsn, options: ClientOptions): void {
    const walSender = new WalSender(this.#cluster, this.#process, slot);
    this.startLsn = start;
    this.options = options;
    slot.twoPhase ||= options.twoPhase;
    this.#walSender = walSender;
    this.#later(this.#cluster.latency, () => {
      if (!this.#process.gone && !this.#ended) walSender.start(start);
    });
  }

  // ── the end ──

  #terminate(): void {
    this.#process.log.push('terminate');
    this.#later(0, () => {
      this.#process.close();
    });
  }

  #copyDone(walSender: WalSender): void {
    this.#process.log.push('copyDone');
    walSender.takeCopyDone();
  }

  #refuse(tag: string, text: string): void {
    const where = this.streaming ? 'in the stream' : 'outside a stream';
    const what = tag === 'Q' ? `the query ${JSON.stringify(text)}` : `a message of type ${JSON.stringify(tag)}`;
    this.#cluster.report(this.#process.processId, { kind: 'unexpectedMessage', what: `${what} ${where}` });
    this.#fatal({ C: '08P01', M: `unexpected message type ${JSON.stringify(tag)}` });
  }

  #fatal(fields: FieldsByLetter): void {
    this.#process.error({ S: 'FATAL', V: 'FATAL', ...fields });
    this.#process.close();
  }

  #reply(...frames: readonly Buffer[]): void {
    this.#later(this.#cluster.latency, () => {
      this.#process.send(...frames);
    });
  }

  #later(ms: number, callback: () => void): void {
    this.#cluster.later(ms, callback);
  }
}
