import type { SchedulerLike } from 'rxjs';
import { formatLsn, parseLsn } from '../../lib/lsn';
import type { Connect, Target, Transport, TransportEvents } from '../../lib/net/transport';
import { begin, commit, i32, insert, relation, type TransactionFields } from '../pgoutput/payloads';
import * as backend from './backend-messages';

export interface FakeSlot {
  plugin: string;
  type: string;
  database: string;
  temporary: boolean;
  /** confirmed_flush_lsn, which status updates move. */
  confirmed: bigint;
  walStatus: string;
  /** The connection that streams from it. */
  owner: FakeConnection | undefined;
}

/** A transaction in the server's WAL. */
export interface FakeTransaction {
  readonly commitLsn: bigint;
  readonly endLsn: bigint;
  /** From Begin to Commit. */
  readonly payloads: readonly Buffer[];
}

export interface TransactionOptions extends TransactionFields {
  /** The names of inserted users; how many, where the names do not matter. */
  rows?: number | readonly string[];
}

/** Inserts into `users (id, name)`. */
export function transaction({ rows = 1, ...fields }: TransactionOptions = {}): FakeTransaction {
  const { commitLsn = 0x100n, endLsn = commitLsn + 0x30n } = fields;
  const names = typeof rows === 'number' ? Array.from({ length: rows }, (_, i) => `row ${i}`) : rows;
  const changes = names.map((name, i) => insert([String(i), name]));
  return {
    commitLsn,
    endLsn,
    payloads: [begin({ ...fields, commitLsn }), relation(), ...changes, commit({ ...fields, commitLsn, endLsn })],
  };
}

/** The answer to a query, up to CommandComplete; all columns are text. */
export function resultSet(columns: readonly string[], rows: readonly (readonly (string | null)[])[]): Buffer {
  return Buffer.concat([
    backend.rowDescription(columns),
    ...rows.map(backend.dataRow),
    backend.commandComplete(`SELECT ${rows.length}`),
  ]);
}

function backendKeyData(processId: number): Buffer {
  return backend.frame('K', i32(processId), Buffer.from([1, 2, 3, 4]));
}

/** What a standby status update said, and when. */
export interface FakeStatus {
  readonly at: number;
  readonly written: bigint;
  readonly flushed: bigint;
  readonly applied: bigint;
  readonly replyRequested: boolean;
}

/** How the server behaves; may be changed at any time. */
export interface Behaviour {
  /** false: nobody answers the SYN. */
  reachable: boolean;
  /** What the operating system says instead of a connection. */
  refusal: Error | undefined;
  /** false: the connection is made, and then the server says nothing. */
  answers: boolean;
  /** Whether CREATE_REPLICATION_SLOT waits, as it does for open write transactions. */
  creationWaits: boolean;
  /** What happens on CopyDone. */
  farewell: 'answers' | 'silence' | 'eof';
  /** Answers a query that matches with these bytes, ReadyForQuery apart. */
  readonly answersTo: [pattern: RegExp, answer: Buffer][];
}

/**
 * A PostgreSQL server without a socket, behind the interface `Connect`. Its time is the scheduler's; each of its answers
 * comes in a later action of that, and what a spec pushes comes at once.
 */
export class FakeBackend {
  version = 180004;
  walLevel = 'logical';
  walSenderTimeout = 60_000;
  database = 'shop';
  systemId = '7300000000000000001';
  walPosition = 0x5000n;
  /** ms that each answer takes. */
  latency = 0;
  readonly publications = new Set(['orders_pub']);
  readonly slots = new Map<string, FakeSlot>();
  readonly behaviour: Behaviour = {
    reachable: true,
    refusal: undefined,
    answers: true,
    creationWaits: false,
    farewell: 'answers',
    answersTo: [],
  };
  readonly connections: FakeConnection[] = [];
  /** The process ids that CancelRequests named. */
  readonly cancelled: number[] = [];
  readonly wal: FakeTransaction[] = [];

  constructor(readonly scheduler: SchedulerLike) {
    this.addSlot('orders');
  }

  readonly connect: Connect = (target, events) => {
    const connection = new FakeConnection(this, target, events, 1000 + this.connections.length);
    this.connections.push(connection);
    return connection;
  };

  addSlot(name: string, slot: Partial<FakeSlot> = {}): FakeSlot {
    const made: FakeSlot = {
      plugin: 'pgoutput',
      type: 'logical',
      database: this.database,
      temporary: false,
      confirmed: 0x80n,
      walStatus: 'reserved',
      owner: undefined,
      ...slot,
    };
    this.slots.set(name, made);
    return made;
  }

  slot(name = 'orders'): FakeSlot {
    const slot = this.slots.get(name);
    if (!slot) throw new Error(`there is no slot ${name}`);
    return slot;
  }

  /** The last connection that was made. */
  get last(): FakeConnection {
    const last = this.connections.at(-1);
    if (!last) throw new Error('nobody has connected');
    return last;
  }

  /** Commits transactions: they go into the WAL, and to whoever streams. */
  commit(...transactions: readonly FakeTransaction[]): void {
    this.wal.push(...transactions);
    for (const connection of this.connections) {
      if (connection.streaming) connection.push(...transactions.flatMap(({ payloads }) => payloads));
    }
  }
}

/** One connection: the client's transport, and the server process at its other end. */
export class FakeConnection implements Transport {
  /** What the client did, in turn: `query …`, `status 0/0`, `copyDone`, `terminate`, `cancel`, `end`, `destroy`. */
  readonly log: string[] = [];
  readonly statuses: FakeStatus[] = [];
  /** Of START_REPLICATION. */
  startLsn: bigint | undefined;
  startup: Readonly<Record<string, string>> | undefined;
  /** Whether the client lets the socket rest. */
  held = false;
  streaming = false;
  destroyed = false;
  ended = false;
  /** Time-outs that the client has neither cancelled nor seen fire. */
  timeouts = 0;
  #received = Buffer.alloc(0);
  #unread: Buffer[] = [];
  #closing: { readonly cause: Error | undefined } | undefined;
  #closed = false;
  #creating: (() => void) | undefined;

  constructor(
    private readonly server: FakeBackend,
    readonly target: Target,
    private readonly events: TransportEvents,
    readonly processId: number,
  ) {
    const { reachable, refusal } = server.behaviour;
    this.#later(() => {
      if (refusal) this.close(refusal);
      else if (reachable && !this.gone) events.connected();
    });
  }

  /** Whether the client has given the connection up. */
  get gone(): boolean {
    return this.destroyed || this.ended || this.#closed;
  }

  get queries(): string[] {
    return this.log.filter((entry) => entry.startsWith('query ')).map((entry) => entry.slice('query '.length));
  }

  get flushed(): bigint[] {
    return this.statuses.map((status) => status.flushed);
  }

  // ── what the spec makes the server do ──

  /** Sends payloads of the output plugin, as one chunk. */
  push(...payloads: readonly Buffer[]): void {
    this.send(...payloads.map((payload) => backend.xlogData(payload)));
  }

  keepalive(walEnd: bigint, replyRequested = false): void {
    this.send(backend.keepalive(walEnd, replyRequested));
  }

  error(fields: backend.FieldsByLetter = {}): void {
    this.send(backend.errorResponse(fields));
  }

  /** Sends frames, as one chunk. */
  send(...frames: readonly Buffer[]): void {
    this.#unread.push(Buffer.concat(frames));
    this.#flow();
  }

  /** Closes the connection: in order, behind what was sent; with a cause at once. */
  close(cause?: Error): void {
    this.#letSlotGo();
    this.#closing = { cause };
    if (cause) this.#unread = [];
    this.#flow();
  }

  /** The open write transactions have ended. */
  finishCreation(): void {
    this.#creating?.();
  }

  // ── the client's transport ──

  write(bytes: Buffer): void {
    if (this.gone) return;
    this.#received = Buffer.concat([this.#received, bytes]);
    while (this.#takeMessage());
  }

  hold(resting: boolean): void {
    if (this.held === resting) return;
    this.held = resting;
    if (!resting) this.#later(() => this.#flow());
  }

  end(_ms: number): void {
    this.ended = true;
    this.log.push('end');
    this.#letSlotGo();
  }

  destroy(): void {
    this.destroyed = true;
    this.log.push('destroy');
    this.#letSlotGo();
  }

  defer(callback: () => void): void {
    this.#later(callback);
  }

  timeout(ms: number, callback: () => void): () => void {
    let pending = true;
    const settle = (): void => {
      if (pending) this.timeouts--;
      pending = false;
    };
    this.timeouts++;
    const action = this.server.scheduler.schedule(() => {
      settle();
      callback();
    }, ms);
    return () => {
      settle();
      action.unsubscribe();
    };
  }

  elapsed(): number {
    return this.server.scheduler.now();
  }

  // ── the server process ──

  #later(callback: () => void): void {
    this.server.scheduler.schedule(callback, 0);
  }

  #flow(): void {
    while (!this.held && !this.gone) {
      const chunk = this.#unread.shift();
      if (!chunk) break;
      this.events.data(chunk);
    }
    if (!this.#closing || this.#unread.length > 0 || this.gone) return;
    this.#closed = true;
    this.streaming = false;
    this.events.closed(this.#closing.cause);
  }

  #reply(...frames: readonly Buffer[]): void {
    this.server.scheduler.schedule(() => this.send(...frames), this.server.latency);
  }

  #takeMessage(): boolean {
    const bytes = this.#received;
    const first = this.startup === undefined;
    const header = first ? 0 : 1;
    if (bytes.length < header + 4) return false;
    const end = header + bytes.readInt32BE(header);
    if (bytes.length < end) return false;
    this.#received = bytes.subarray(end);
    const body = bytes.subarray(header + 4, end);
    if (first) this.#start(body);
    else this.#take(bytes.toString('latin1', 0, 1), body);
    return true;
  }

  #start(body: Buffer): void {
    if (body.readInt32BE(0) === 80877102) {
      const processId = body.readInt32BE(4);
      this.log.push(`cancel ${processId}`);
      this.server.cancelled.push(processId);
      this.#later(() => this.close());
      return;
    }
    const texts = body.toString('utf8', 4, body.length - 2).split('\0');
    this.startup = Object.fromEntries(
      texts.flatMap((name, i) => (i % 2 === 0 ? [[name, texts[i + 1] ?? ''] as const] : [])),
    );
    this.log.push('startup');
    if (!this.server.behaviour.answers) return;
    this.#reply(
      backend.authenticationOk(),
      backend.parameterStatus('server_version', '18.4'),
      backendKeyData(this.processId),
      backend.readyForQuery(),
    );
  }

  #take(tag: string, body: Buffer): void {
    switch (tag) {
      case 'Q':
        this.#query(body.toString('utf8', 0, body.length - 1).replace(/\s+/g, ' '));
        return;
      case 'd':
        this.#takeStatus(body);
        return;
      case 'c':
        this.log.push('copyDone');
        this.#farewell();
        return;
      case 'X':
        this.log.push('terminate');
        this.#later(() => this.close());
        return;
      default:
        throw new Error(`the client sent a message of type ${tag}`);
    }
  }

  #takeStatus(body: Buffer): void {
    const status: FakeStatus = {
      at: this.server.scheduler.now(),
      written: body.readBigUInt64BE(1),
      flushed: body.readBigUInt64BE(9),
      applied: body.readBigUInt64BE(17),
      replyRequested: body[33] === 1,
    };
    this.statuses.push(status);
    this.log.push(`status ${formatLsn(status.flushed)}`);
    for (const slot of this.server.slots.values()) {
      if (slot.owner === this && status.flushed > slot.confirmed) slot.confirmed = status.flushed;
    }
  }

  #farewell(): void {
    this.streaming = false;
    const { farewell } = this.server.behaviour;
    if (farewell === 'eof') this.#later(() => this.close());
    if (farewell !== 'answers') return;
    this.#reply(
      backend.copyDone(),
      backend.commandComplete('COPY 0'),
      backend.commandComplete('START_REPLICATION'),
      backend.readyForQuery(),
    );
  }

  #letSlotGo(): void {
    this.streaming = false;
    for (const [name, slot] of this.server.slots) {
      if (slot.owner !== this) continue;
      slot.owner = undefined;
      if (slot.temporary) this.server.slots.delete(name);
    }
  }

  #query(sql: string): void {
    this.log.push(`query ${sql}`);
    if (!this.server.behaviour.answers) return;
    const special = this.server.behaviour.answersTo.find(([pattern]) => pattern.test(sql));
    if (special) this.#reply(special[1], backend.readyForQuery());
    else if (sql.startsWith('START_REPLICATION')) this.#startReplication(sql);
    else if (sql.startsWith('CREATE_REPLICATION_SLOT')) this.#createSlot(sql);
    else this.#reply(this.#answer(sql), backend.readyForQuery());
  }

  #answer(sql: string): Buffer {
    const { server } = this;
    if (sql.startsWith('SET ')) return backend.commandComplete('SET');
    if (sql === 'IDENTIFY_SYSTEM') {
      const row = [server.systemId, '1', formatLsn(server.walPosition), server.database];
      return resultSet(['systemid', 'timeline', 'xlogpos', 'dbname'], [row]);
    }
    if (sql.includes('server_version_num')) {
      const row = [String(server.version), server.walLevel, server.database, String(server.walSenderTimeout)];
      return resultSet(['version', 'wal_level', 'database', 'wal_sender_timeout'], [row]);
    }
    if (sql.includes('pg_publication ')) {
      const known = [...server.publications].filter((name) => sql.includes(`'${name}'`));
      return resultSet(
        ['pubname'],
        known.map((name) => [name]),
      );
    }
    if (sql.includes('pg_replication_slots')) return this.#slotRow(/slot_name = '(\w+)'/.exec(sql)?.[1] ?? '');
    if (sql.startsWith('DROP_REPLICATION_SLOT')) return this.#dropSlot(/"(\w+)"/.exec(sql)?.[1] ?? '');
    return backend.errorResponse({ C: '42601', M: `syntax error: ${sql}` });
  }

  #slotRow(name: string): Buffer {
    const columns = [
      'slot_name',
      'plugin',
      'slot_type',
      'database',
      'temporary',
      'active',
      'active_pid',
      'restart_lsn',
      'confirmed_flush_lsn',
      'wal_status',
      'lag',
    ];
    const slot = this.server.slots.get(name);
    if (!slot) return resultSet(columns, []);
    const row = [
      name,
      slot.plugin,
      slot.type,
      slot.database,
      slot.temporary ? 't' : 'f',
      slot.owner ? 't' : 'f',
      slot.owner ? String(slot.owner.processId) : null,
      formatLsn(slot.confirmed),
      formatLsn(slot.confirmed),
      slot.walStatus,
      '0',
    ];
    return resultSet(columns, [row]);
  }

  #dropSlot(name: string): Buffer {
    const slot = this.server.slots.get(name);
    if (!slot) {
      return backend.errorResponse({ C: '42704', M: `replication slot "${name}" does not exist` });
    }
    if (slot.owner) return backend.errorResponse({ C: '55006', M: `replication slot "${name}" is active` });
    this.server.slots.delete(name);
    return backend.commandComplete('DROP_REPLICATION_SLOT');
  }

  #createSlot(sql: string): void {
    const [, name = '', temporary, plugin = ''] = /"(\w+)"( TEMPORARY)? LOGICAL "(\w+)"/.exec(sql) ?? [];
    const create = (): void => {
      this.#creating = undefined;
      if (this.gone) return;
      const slot = { plugin, temporary: temporary !== undefined, confirmed: this.server.walPosition };
      this.server.addSlot(name, slot);
      const row = [name, formatLsn(slot.confirmed), null, plugin];
      this.#reply(
        resultSet(['slot_name', 'consistent_point', 'snapshot_name', 'output_plugin'], [row]),
        backend.readyForQuery(),
      );
    };
    if (this.server.slots.has(name)) {
      const M = `replication slot "${name}" already exists`;
      this.#reply(backend.errorResponse({ C: '42710', M }), backend.readyForQuery());
    } else if (this.server.behaviour.creationWaits) {
      this.#creating = create;
    } else {
      create();
    }
  }

  #startReplication(sql: string): void {
    const [, name = '', lsn = '0/0'] = /SLOT "(\w+)" LOGICAL (\S+)/.exec(sql) ?? [];
    const slot = this.server.slots.get(name);
    if (!slot || slot.owner) {
      const [C, what] = slot ? ['55006', 'is active for PID 1'] : ['42704', 'does not exist'];
      this.#reply(backend.errorResponse({ C, M: `replication slot "${name}" ${what}` }), backend.readyForQuery());
      return;
    }
    slot.owner = this;
    this.startLsn = parseLsn(lsn);
    const from = this.startLsn > slot.confirmed ? this.startLsn : slot.confirmed;
    this.server.scheduler.schedule(() => {
      if (this.gone) return;
      this.streaming = true;
      const old = this.server.wal.filter(({ commitLsn }) => commitLsn >= from).flatMap(({ payloads }) => payloads);
      this.send(backend.copyBothResponse(), ...old.map((payload) => backend.xlogData(payload)));
    }, this.server.latency);
  }
}
