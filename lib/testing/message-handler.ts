import { parseLsn, type Lsn } from '../common/lsn';
import { buildReadyForQuery, type FieldsByLetter } from './backend-messages';
import { ClientMessages, type ClientMessage } from './client-messages';
import { parseClientOptions, type ClientOptions } from './client-options';
import type { FakeCluster } from './cluster';
import { executeCommand, answerCreateSlot, findFreeSlot, hasSlot } from './commands';
import type { FakeSlot } from './server-state';
import {
  acceptStartup,
  type Security,
  type Startup,
  type StartupParameters,
  type StartupResult,
} from './server-startup';
import { StreamingProcess, type StreamingProcessHost } from './streaming-process';

/** CopyData of a client: `r`, the standby status update. */
const STATUS = 0x72;
const STATUS_LENGTH = 34;

function isStatus(body: Buffer): boolean {
  return body[0] === STATUS && body.length === STATUS_LENGTH;
}

/** The server process that contains a MessageHandler. */
export interface MessageHandlerProcess extends StreamingProcessHost {
  /** Whether the connection is no longer used. */
  readonly closed: boolean;
  readonly security: Security | undefined;
  error(fields: FieldsByLetter): void;
}

/**
 * Handles the messages of one client: start-up, commands, the replication stream, and the end of the connection. Source:
 * PostgreSQL manual, "Message Flow" and "Streaming Replication Protocol".
 */
export class MessageHandler {
  /** The start position of START_REPLICATION. */
  startLsn: Lsn | undefined;
  /** The options of START_REPLICATION that determine how transactions are sent. */
  options: ClientOptions = { streaming: 'off', twoPhase: false };
  /** The settings that the client has changed with SET, by name. */
  readonly settings = new Map<string, string>();
  /** The parameters of the start-up message. */
  parameters: StartupParameters | undefined;
  readonly #cluster: FakeCluster;
  readonly #process: MessageHandlerProcess;
  readonly #messages = new ClientMessages();
  #startup: Startup | undefined;
  #walSender: StreamingProcess | undefined;
  /** Whether the server has closed the connection. */
  #ended = false;
  #pendingCreation: (() => void) | undefined;

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
    for (let message = this.#next(); message; message = this.#next()) this.#handle(message);
    this.#cluster.notifyChanged();
  }

  /** Completes a slot creation that waits because of `behaviour.creationWaits`. */
  finishCreation(): void {
    this.#pendingCreation?.();
  }

  /** Ends the stream and releases the slot. The connection stays open. */
  endStream(): void {
    this.#walSender?.end();
  }

  /** Stops processing because the server has closed the connection. */
  end(): void {
    this.#ended = true;
    this.endStream();
  }

  #next(): ClientMessage | undefined {
    return this.#process.closed || this.#ended ? undefined : this.#messages.next();
  }

  #handle({ tag, body }: ClientMessage): void {
    this.#walSender?.recordReceived();
    const text = body.toString('utf8', 0, body.length - 1);
    if (this.#startup && (tag === '' || tag === 'p')) this.#continueStartup(this.#startup.next(body));
    else if (tag === 'Q' && !this.streaming) this.#handleQuery(text.replace(/\s+/g, ' '));
    else if (tag === 'd' && this.#walSender && isStatus(body)) this.#walSender.handleStatus(body);
    else if (tag === 'c' && this.#walSender) this.#handleCopyDone(this.#walSender);
    else if (tag === 'X') this.#terminate();
    else this.#rejectMessage(tag, text);
  }

  #continueStartup(step: IteratorResult<Buffer, StartupResult>): void {
    if (!step.done) {
      this.#reply(step.value);
      return;
    }
    const result = step.value;
    this.#startup = undefined;
    if (result.kind === 'accepted') this.#reply(...result.frames);
    else if (result.kind === 'refused') this.#sendFatal(result.fields);
    else if (result.kind === 'cancelRequest') this.#cancel(result.processId);
  }

  #cancel(processId: number): void {
    this.#process.log.push(`cancel ${processId}`);
    this.#cluster.cancelled.push(processId);
    this.#schedule(0, () => {
      this.#process.close();
    });
  }

  // ── commands ──

  #handleQuery(sql: string): void {
    this.#process.log.push(`query ${sql}`);
    const { behaviour } = this.#cluster;
    if (!behaviour.answers) return;
    const special = behaviour.answersTo.find(([pattern]) => pattern.test(sql));
    if (special) this.#reply(special[1], buildReadyForQuery());
    else if (sql.startsWith('START_REPLICATION')) this.#startReplication(sql);
    else if (sql.startsWith('CREATE_REPLICATION_SLOT')) this.#createSlot(sql);
    else this.#reply(executeCommand(this.#cluster, this.settings, sql), buildReadyForQuery());
  }

  #createSlot(sql: string): void {
    const create = (): void => {
      this.#pendingCreation = undefined;
      if (!this.#process.closed) this.#reply(answerCreateSlot(this.#cluster, sql), buildReadyForQuery());
    };
    if (this.#cluster.behaviour.creationWaits && !hasSlot(this.#cluster, sql)) this.#pendingCreation = create;
    else create();
  }

  #startReplication(sql: string): void {
    const [, name = '', lsn = '0/0'] = /SLOT "(\w+)" LOGICAL (\S+)/.exec(sql) ?? [];
    const slot = findFreeSlot(this.#cluster, name);
    if (Buffer.isBuffer(slot)) this.#reply(slot, buildReadyForQuery());
    else this.#startStreaming(slot, parseLsn(lsn), parseClientOptions(sql));
  }

  #startStreaming(slot: FakeSlot, start: Lsn, options: ClientOptions): void {
    const walSender = new StreamingProcess(this.#cluster, this.#process, slot);
    this.startLsn = start;
    this.options = options;
    slot.twoPhase ||= options.twoPhase;
    this.#walSender = walSender;
    this.#schedule(this.#cluster.latency, () => {
      if (!this.#process.closed && !this.#ended) walSender.start(start);
    });
  }

  // ── the end ──

  #terminate(): void {
    this.#process.log.push('terminate');
    this.#schedule(0, () => {
      this.#process.close();
    });
  }

  #handleCopyDone(walSender: StreamingProcess): void {
    this.#process.log.push('copyDone');
    walSender.handleCopyDone();
  }

  #rejectMessage(tag: string, text: string): void {
    const where = this.streaming ? 'in the stream' : 'outside a stream';
    const what = tag === 'Q' ? `the query ${JSON.stringify(text)}` : `a message of type ${JSON.stringify(tag)}`;
    this.#cluster.report(this.#process.processId, { kind: 'unexpectedMessage', what: `${what} ${where}` });
    this.#sendFatal({ C: '08P01', M: `unexpected message type ${JSON.stringify(tag)}` });
  }

  #sendFatal(fields: FieldsByLetter): void {
    this.#process.error({ S: 'FATAL', V: 'FATAL', ...fields });
    this.#process.close();
  }

  #reply(...frames: readonly Buffer[]): void {
    this.#schedule(this.#cluster.latency, () => {
      this.#process.send(...frames);
    });
  }

  #schedule(ms: number, callback: () => void): void {
    this.#cluster.schedule(ms, callback);
  }
}
