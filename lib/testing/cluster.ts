import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { maxLsn, type Lsn } from '../common/lsn';
import type { AuthenticationMethod } from './server-authentication';
import { DelayedActions } from './delayed-actions';
import type { FaultyOutbox } from './faulty-outbox';
import type { FakeBehaviour, FakeSlot, TimelineSwitch } from './server-state';
import { assignPositions, type PositionedTransaction } from './positions';
import type { TransactionDraft, WalTransaction } from './transaction';
import { buildTransaction, buildPrepared, buildCommitPreparedEntry, buildRollbackPreparedEntry } from './wal';
import { describeViolation, type Violation, type ViolationDetails } from './violations';

/** The server process of a connection. */
export interface ServerProcess {
  readonly processId: number;
  /** Whether the connection is no longer used. */
  readonly closed: boolean;
  readonly streaming: boolean;
  /**
   * The output to the client, which injects network faults.
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
 * The shared state of all connections of a server: settings, slots, publications and WAL, and a record of its clients' actions.
 * It uses no sockets. Its time is that of the scheduler, and each response is sent in a later action of the scheduler.
 */
export class FakeCluster<Process extends ServerProcess = ServerProcess> {
  /** As in server_version_num: 180004 is 18.4. */
  serverVersion = 180004;
  walLevel = 'logical';
  /** In ms; 0: no timeout. */
  walSenderTimeout = 60_000;
  database = 'postgres';
  /** Whether the server is a standby, that is, in recovery. */
  standby = false;
  /** Whether transactions are read-only. On a standby they always are. */
  readOnly = false;
  systemId = '7300000000000000001';
  timeline = 1;
  /** The timelines before the current one, for TIMELINE_HISTORY. */
  readonly history: TimelineSwitch[] = [];
  /** The end of the WAL. The next transaction starts here. */
  walPosition: Lsn = 0x1000000n;
  /** The delay of each response, in ms. */
  latency = 0;
  /** The password of all clients; undefined: no authentication. */
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
  /** All connections, including closed ones. The newest is the last. */
  readonly connections: Process[] = [];
  /** The process IDs of CancelRequests. */
  readonly cancelled: number[] = [];
  /** The violations of clients, in order. */
  readonly violations: Violation[] = [];
  /** The prepared transactions, by gid. */
  readonly #prepared = new Map<string, PositionedTransaction>();
  readonly #delayed: DelayedActions;
  #refusals = 0;
  readonly #pendingFaults: ((outbox: FaultyOutbox) => void)[] = [];

  constructor(readonly scheduler: SchedulerLike = asyncScheduler) {
    this.#delayed = new DelayedActions(scheduler);
  }

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

  /** The server's time, from the scheduler. */
  get time(): Date {
    return new Date(this.scheduler.now());
  }

  /** @param name default: the first slot */
  slot(name = [...this.slots.keys()][0] ?? ''): FakeSlot {
    const slot = this.slots.get(name);
    if (!slot) throw new Error(`The fake server has no slot ${JSON.stringify(name)}; create it with addSlot`);
    return slot;
  }

  /** The newest connection. */
  get last(): Process {
    const last = this.connections.at(-1);
    if (!last) throw new Error('No client has connected to the fake server yet');
    return last;
  }

  /**
   * Commits transactions: writes them to the WAL, and sends them to all streaming connections. A connection that starts later
   * receives those that commit at or after both its start position and the slot's position.
   *
   * @returns the end LSN of the last transaction, which a client confirms when its work is done
   */
  commit(...transactions: readonly (TransactionDraft | WalTransaction)[]): Lsn {
    const written = transactions.map((transaction) => {
      const one = 'payloads' in transaction ? transaction : buildTransaction(transaction, this.walPosition, this.time);
      this.walPosition = maxLsn(this.walPosition, one.endLsn);
      return one;
    });
    this.wal.push(...written);
    for (const connection of this.connections) if (connection.streaming) connection.stream(...written);
    return written.at(-1)?.endLsn ?? this.walPosition;
  }

  /**
   * PREPARE TRANSACTION. Connections with `twoPhase` receive the transaction now, others when it is committed.
   *
   * @param gid the global identifier, for {@link commitPrepared} or {@link rollbackPrepared}
   * @returns as {@link commit}
   * @example
   * server.prepare(transaction([orders.insert({ id: 1 })]), 'order 1');
   * server.commitPrepared('order 1');
   */
  prepare(draft: TransactionDraft, gid: string): Lsn {
    if (this.#prepared.has(gid))
      throw new Error(`The fake server already has a prepared transaction ${JSON.stringify(gid)}`);
    const transaction = assignPositions(draft, this.walPosition, this.time);
    this.#prepared.set(gid, transaction);
    return this.commit(buildPrepared(transaction, gid));
  }

  /** COMMIT PREPARED. */
  commitPrepared(gid: string): Lsn {
    return this.commit(buildCommitPreparedEntry(this.#takePrepared(gid), gid, this.walPosition, this.time));
  }

  /** ROLLBACK PREPARED. */
  rollbackPrepared(gid: string): Lsn {
    return this.commit(buildRollbackPreparedEntry(this.#takePrepared(gid), gid, this.walPosition, this.time));
  }

  #takePrepared(gid: string): PositionedTransaction {
    const transaction = this.#prepared.get(gid);
    if (!transaction) throw new Error(`The fake server has no prepared transaction ${JSON.stringify(gid)}`);
    this.#prepared.delete(gid);
    return transaction;
  }

  /**
   * Injects a fault into the output of the newest connection or, if none is open, of the next one.
   *
   * @internal
   */
  injectFault(fault: (outbox: FaultyOutbox) => void): void {
    const newest = this.connections.at(-1);
    if (newest && !newest.closed) fault(newest.outbox);
    else this.#pendingFaults.push(fault);
  }

  /**
   * Registers the server process of a new connection.
   *
   * @internal
   */
  addConnection(process: Process): void {
    this.connections.push(process);
    for (const fault of this.#pendingFaults.splice(0)) fault(process.outbox);
  }

  /** Resets connections that are made within this time, in ms. */
  refuse(ms: number): void {
    this.#refusals++;
    this.schedule(ms, () => {
      this.#refusals--;
    });
  }

  get refusing(): boolean {
    return this.#refusals > 0;
  }

  /** @internal */
  schedule(ms: number, callback: () => void): void {
    this.#delayed.schedule(ms, callback);
  }

  /**
   * Runs all pending actions immediately.
   *
   * @internal
   */
  protected runPendingActions(): void {
    this.#delayed.flush();
  }

  /**
   * Records a violation of a client.
   *
   * @internal
   */
  report(connection: number, details: ViolationDetails): void {
    this.violations.push({ connection, message: describeViolation(details), ...details });
  }

  /**
   * Reports that the state of a connection has changed.
   *
   * @internal
   */
  notifyChanged(): void {
    // FakeWalSender overrides it to evaluate the conditions of its promises.
  }
}
