import { asyncScheduler, type SchedulerLike, type Subscription } from 'rxjs';
import { maxLsn, type Lsn } from '../common/lsn';
import type { AuthenticationMethod } from './authentication';
import type { FaultyOutbox } from './faulty-outbox';
import { assignPositions, type PlacedTransaction } from './placed';
import type { TransactionDraft, WalTransaction } from './transaction';
import { buildTransaction, buildPrepared, buildCommitPrepared, buildRollbackPrepared } from './wal';
import { describeViolation, type Violation, type ViolationDetails } from './violations';

/** A replication slot of the fake server. All of it may be changed at any time. */
export interface FakeSlot {
  plugin: string;
  type: 'logical' | 'physical';
  database: string;
  temporary: boolean;
  /** Whether it sends transactions when they are prepared. Whoever streams with `two_phase` makes it so, for good. */
  twoPhase: boolean;
  /** Status updates move it. */
  confirmedFlushLsn: Lsn;
  walStatus: string;
  /** Why the server gave the slot up; PostgreSQL 17 and later tell. */
  invalidationReason: string | undefined;
  /** Who streams from it: a connection, or the id of a process that is none. */
  owner: { readonly processId: number } | number | undefined;
}

/** Where an earlier timeline was left for the next one. */
export interface TimelineSwitch {
  readonly timeline: number;
  readonly switchLsn: Lsn;
  /** 'no recovery target specified', if not given */
  readonly reason?: string;
}

/** How the server behaves; may be changed at any time. */
export interface FakeBehaviour {
  /** false: the connection is made, and then the server says nothing. */
  answers: boolean;
  /** Whether CREATE_REPLICATION_SLOT waits, as it does for open write transactions. */
  creationWaits: boolean;
  /**
   * What the server does when it receives CopyDone: `reply` ends the stream as PostgreSQL does (CopyDone, CommandComplete,
   * ReadyForQuery), `ignore` sends nothing, `close` closes the connection without a reply. Default: `reply`.
   */
  onCopyDone: 'reply' | 'ignore' | 'close';
  /**
   * Whether it sends keepalives of its own: at the start, where a client asks, and to one that has been silent for half of
   * wal_sender_timeout; after the whole it hangs up.
   */
  keepalives: boolean;
  /** Answers SSLRequest with these bytes, and no TLS follows. Without it: S where there is a certificate, else N. */
  answersSslRequest?: Buffer | undefined;
  /** Answers a query that matches with these bytes, ReadyForQuery apart. */
  readonly answersTo: [pattern: RegExp, answer: Buffer][];
}

/** What the cluster knows of the server process of a connection. */
export interface ServerProcess {
  readonly processId: number;
  /** Whether the connection is no longer used. */
  readonly gone: boolean;
  readonly streaming: boolean;
  /**
   * The output to the client, where faults of the network are made.
   *
   * @internal
   */
  readonly outbox: FaultyOutbox;
  /** Sends frames, or any bytes, as one segment. */
  send(...frames: readonly Buffer[]): void;
  /** Sends transactions, as one segment. */
  stream(...transactions: readonly WalTransaction[]): void;
}

/**
 * What all connections of one server share: its settings, slots, publications and WAL, and a record of what its
 * clients did. It knows no sockets, and its time is the scheduler's; each of its answers comes in a later action of that.
 */
export class FakeCluster<Process extends ServerProcess = ServerProcess> {
  /** As in server_version_num: 180004 is 18.4. */
  serverVersion = 180004;
  walLevel = 'logical';
  /** In ms; 0 for none. */
  walSenderTimeout = 60_000;
  database = 'postgres';
  /** Whether it is in recovery: a standby. */
  standby = false;
  /** Whether transactions are read-only. On a standby they are in any case. */
  readOnly = false;
  systemId = '7300000000000000001';
  timeline = 1;
  /** What TIMELINE_HISTORY tells of the timelines before the present one. */
  readonly history: TimelineSwitch[] = [];
  /** Where the WAL ends: the next transaction starts here. */
  walPosition: Lsn = 0x1000000n;
  /** ms that each answer takes. */
  latency = 0;
  /** Asked of every client; undefined: all are let in. */
  password: string | undefined;
  authentication: AuthenticationMethod = 'scram-sha-256';
  readonly publications = new Set<string>();
  readonly slots = new Map<string, FakeSlot>();
  readonly wal: WalTransaction[] = [];
  readonly behaviour: FakeBehaviour = {
    answers: true,
    creationWaits: false,
    onCopyDone: 'reply',
    keepalives: false,
    answersTo: [],
  };
  /** All connections that were ever made, the newest last. */
  readonly connections: Process[] = [];
  /** The process ids that CancelRequests named. */
  readonly cancelled: number[] = [];
  /** What clients did wrong, in turn. */
  readonly violations: Violation[] = [];
  /** By gid: what is prepared. */
  readonly #prepared = new Map<string, PlacedTransaction>();
  readonly #pending = new Map<Subscription, () => void>();
  #refusals = 0;
  readonly #faultsToCome: ((outbox: FaultyOutbox) => void)[] = [];

  constructor(readonly scheduler: SchedulerLike = asyncScheduler) {}

  addSlot(name: string, slot: Partial<FakeSlot> = {}): FakeSlot {
    const made: FakeSlot = {
      plugin: 'pgoutput',
      type: 'logical',
      database: this.database,
      temporary: false,
      twoPhase: false,
      confirmedFlushLsn: this.walPosition,
      walStatus: 'reserved',
      invalidationReason: undefined,
      owner: undefined,
      ...slot,
    };
    this.slots.set(name, made);
    return made;
  }

  /** The server's clock, which is the scheduler's. */
  get time(): Date {
    return new Date(this.scheduler.now());
  }

  /** @param name the first one, if not given */
  slot(name = [...this.slots.keys()][0] ?? ''): FakeSlot {
    const slot = this.slots.get(name);
    if (!slot) throw new Error(`The fake server has no slot ${JSON.stringify(name)}; make it with addSlot`);
    return slot;
  }

  /** The newest connection. */
  get last(): Process {
    const last = this.connections.at(-1);
    if (!last) throw new Error('Nobody has connected to the fake server yet');
    return last;
  }

  /**
   * Commits transactions: they go into the WAL, and to whoever streams. A connection that starts later gets those that
   * commit at or after its start position and the slot's.
   *
   * @returns the end LSN of the last one: what a client confirms once it is done with it
   */
  commit(...transactions: readonly (TransactionDraft | WalTransaction)[]): Lsn {
    const inWal = transactions.map((transaction) => {
      const one = 'payloads' in transaction ? transaction : buildTransaction(transaction, this.walPosition, this.time);
      this.walPosition = maxLsn(this.walPosition, one.endLsn);
      return one;
    });
    this.wal.push(...inWal);
    for (const connection of this.connections) if (connection.streaming) connection.stream(...inWal);
    return inWal.at(-1)?.endLsn ?? this.walPosition;
  }

  /**
   * PREPARE TRANSACTION: it comes to those who stream with `twoPhase`, and to others when it is committed.
   *
   * @param gid the global identifier, by which {@link commitPrepared} or {@link rollbackPrepared} ends it
   * @returns as {@link commit}
   * @example
   * server.prepare(transaction([orders.insert({ id: 1 })]), 'order 1');
   * server.commitPrepared('order 1');
   */
  prepare(draft: TransactionDraft, gid: string): Lsn {
    if (this.#prepared.has(gid))
      throw new Error(`The fake server has a prepared transaction ${JSON.stringify(gid)} already`);
    const transaction = assignPositions(draft, this.walPosition, this.time);
    this.#prepared.set(gid, transaction);
    return this.commit(buildPrepared(transaction, gid));
  }

  /** COMMIT PREPARED. */
  commitPrepared(gid: string): Lsn {
    return this.commit(buildCommitPrepared(this.#takePrepared(gid), gid, this.walPosition, this.time));
  }

  /** ROLLBACK PREPARED. */
  rollbackPrepared(gid: string): Lsn {
    return this.commit(buildRollbackPrepared(this.#takePrepared(gid), gid, this.walPosition, this.time));
  }

  #takePrepared(gid: string): PlacedTransaction {
    const transaction = this.#prepared.get(gid);
    if (!transaction) throw new Error(`The fake server has no prepared transaction ${JSON.stringify(gid)}`);
    this.#prepared.delete(gid);
    return transaction;
  }

  /**
   * Makes a fault in the output of the newest connection, or of the next one where none is open.
   *
   * @internal
   */
  disturb(fault: (outbox: FaultyOutbox) => void): void {
    const newest = this.connections.at(-1);
    if (newest && !newest.gone) fault(newest.outbox);
    else this.#faultsToCome.push(fault);
  }

  /**
   * A process has started, and its output is open.
   *
   * @internal
   */
  connected(process: Process): void {
    this.connections.push(process);
    for (const fault of this.#faultsToCome.splice(0)) fault(process.outbox);
  }

  /** Connections that are made within so many ms are reset at once. */
  refuse(ms: number): void {
    this.#refusals++;
    this.later(ms, () => {
      this.#refusals--;
    });
  }

  get refusing(): boolean {
    return this.#refusals > 0;
  }

  /** @internal */
  later(ms: number, callback: () => void): void {
    const action = this.scheduler.schedule(() => {
      this.#pending.delete(action);
      callback();
    }, ms);
    this.#pending.set(action, callback);
  }

  /**
   * What is to come later comes now.
   *
   * @internal
   */
  protected endWaiting(): void {
    for (const [action, callback] of this.#pending) {
      action.unsubscribe();
      callback();
    }
    this.#pending.clear();
  }

  /**
   * A client did something wrong.
   *
   * @internal
   */
  report(connection: number, details: ViolationDetails): void {
    this.violations.push({ connection, message: describeViolation(details), ...details });
  }

  /**
   * Something has happened on a connection.
   *
   * @internal
   */
  changed(): void {
    // For whoever waits: see FakeWalSender.
  }
}
