import { tmpdir } from 'node:os';
import { Delivery, type SessionControl } from '../../ledger/acknowledgement';
import { ReplicationError } from '../../common/errors';
import { Options } from '../../common/options';
import type { ChangePosition } from '../../pgoutput/messages/change-messages';
import { hasPosition, type AnyChange, type AnyReplicationMessage, type Change } from '../../pgoutput/messages/messages';
import { getRawChange } from '../../pgoutput/messages/raw-change';
import type { LogicalMessage } from '../../pgoutput/messages/change-messages';
import type { BeginMessage, CommitMessage } from '../../pgoutput/messages/transaction-messages';
import type { StreamCommitMessage } from '../../pgoutput/messages/stream-messages';
import type {
  BeginPrepareMessage,
  CommitPreparedMessage,
  PrepareMessage,
  RollbackPreparedMessage,
  StreamPrepareMessage,
} from '../../pgoutput/messages/two-phase-messages';
import type { KeepaliveMessage } from '../../pgoutput/messages/walsender-messages';
import { StreamedList, WholeChanges, type ChangeList } from './change-list';
import { GatheringBudget } from './gathering-budget';
import { Spool } from './spool';
import { StreamedChanges } from './streamed-changes';
import { PreparedTransaction, Transaction } from './transaction';

/** What {@link transactions} does with what belongs to no transaction, and with large ones. */
export interface TransactionsOptions {
  /**
   * Whether logical messages outside any transaction are passed on, between the transactions. Otherwise they are dropped
   * and count as done. Default false.
   */
  readonly includeNonTransactionalMessages?: boolean;
  /**
   * How many bytes the transactions that come in blocks (`streaming`) may take in memory, all of them together: those that
   * are open, and those that are prepared and not acknowledged. Beyond that the largest go to a spool file. A committed
   * transaction counts against the window of the stream instead. Default 8 MiB.
   */
  readonly maxBytes?: number;
  /** The folder of the spool file, of which there is one for each subscription. Default: the system's temporary folder. */
  readonly spoolDirectory?: string;
}

const MAX_BYTES = 8 * 1024 * 1024;
const NAMES = ['includeNonTransactionalMessages', 'maxBytes', 'spoolDirectory'];

/** @throws {ConfigError} `CONFIG_INVALID` */
export function readTransactionsOptions(given: TransactionsOptions): Required<TransactionsOptions> {
  const options = new Options('transactions', given, NAMES);
  return {
    includeNonTransactionalMessages: options.flag('includeNonTransactionalMessages', false),
    maxBytes: options.number('maxBytes', MAX_BYTES, 0),
    spoolDirectory: options.text('spoolDirectory') ?? tmpdir(),
  };
}

/** What an {@link Assembly} makes of messages. */
export type Assembled =
  Transaction | PreparedTransaction | CommitPreparedMessage | RollbackPreparedMessage | LogicalMessage<ChangePosition>;

/** A transaction of which blocks have come, and no end. */
interface Streaming {
  readonly changes: StreamedChanges;
  origin: string | undefined;
}

/** Gathers the messages of transactions, and makes of them what is emitted. */
export class Assembly {
  readonly #includeNonTransactionalMessages: boolean;
  readonly #budget: GatheringBudget;
  readonly #spool: Spool;
  #session: SessionControl | undefined;
  #begin: BeginMessage | BeginPrepareMessage | undefined;
  #origin: string | undefined;
  #changes: Change[] = [];
  readonly #streams = new Map<number, Streaming>();
  /** The one whose block is coming. */
  #block: Streaming | undefined;

  constructor({ includeNonTransactionalMessages, maxBytes, spoolDirectory }: Required<TransactionsOptions>) {
    this.#includeNonTransactionalMessages = includeNonTransactionalMessages;
    this.#spool = new Spool(spoolDirectory);
    this.#budget = new GatheringBudget(maxBytes, this.#spool);
  }

  /**
   * What comes without its Begin (something in between dropped it, or a subscriber came late) is neither emitted nor
   * settled.
   *
   * @returns whether the message may complete something, for {@link finish} to say
   */
  gather(message: AnyReplicationMessage): boolean {
    switch (message.kind) {
      case 'insert':
      case 'update':
      case 'delete':
      case 'truncate':
        this.#add(message);
        return false;
      case 'begin':
      case 'beginPrepare':
        // One that is still open was cut off with its session, and comes again as a whole.
        this.#forgetOther(message);
        this.#begin = message;
        this.#origin = undefined;
        this.#changes = [];
        return false;
      case 'origin':
        if (this.#block) this.#block.origin = message.name;
        else this.#origin = message.name;
        return false;
      case 'message':
        if (message.transactional) this.#add(message);
        return !message.transactional;
      case 'streamStart':
        this.#forgetOther(message);
        this.#enterBlock(message.xid, message.first);
        return false;
      case 'streamStop':
        this.#block = undefined;
        return false;
      case 'streamAbort':
        this.#abort(message.xid, message.subxid);
        return false;
      case 'commit':
      case 'prepare':
      case 'streamCommit':
      case 'streamPrepare':
      case 'commitPrepared':
      case 'rollbackPrepared':
        return true;
      case 'keepalive':
        this.#forgetOther(message);
        return true;
      case 'relation':
      case 'type':
        return false;
    }
  }

  finish(message: AnyReplicationMessage): Assembled | undefined {
    switch (message.kind) {
      case 'commit':
        return this.#commit(message);
      case 'prepare':
        return this.#prepare(message);
      case 'streamCommit':
        return this.#commitStream(message);
      case 'streamPrepare':
        return this.#prepareStream(message);
      case 'commitPrepared':
      case 'rollbackPrepared':
        // The server may have streamed blocks of what it had prepared for an earlier session, without preparing it again.
        this.#abort(message.xid, message.xid);
        return message;
      case 'keepalive':
        return progressOf(message);
      case 'message':
        if (this.#includeNonTransactionalMessages) return message;
        Delivery.discard(message);
        return undefined;
      default:
        return undefined;
    }
  }

  /** Nothing more comes, and what was delivered can still be acknowledged until the session has closed. */
  complete(): void {
    this.#clear();
    // Where nothing is confirmed, no session waits until what it has delivered was read.
    if (this.#session?.confirms) {
      this.#session.afterClose(() => {
        this.#spool.end();
      });
    }
  }

  /** The stream is over: what was delivered comes again, or nobody wants it. */
  end(): void {
    this.#clear();
    this.#spool.end();
  }

  /** Lets go of what is half received. */
  #clear(): void {
    for (const { changes } of this.#streams.values()) changes.release();
    this.#streams.clear();
    this.#block = undefined;
    this.#begin = undefined;
    this.#changes = [];
  }

  /** What another session has begun comes again, in whatever form, or not at all: it may have been aborted meanwhile. */
  #forgetOther(message: Delivery): void {
    const session = Delivery.getHandle(message)?.session;
    if (session === this.#session) return;
    this.#session = session;
    this.#clear();
  }

  #add(change: AnyChange): void {
    if (change.xid !== undefined) this.#addStreamed(change);
    else if (this.#begin && hasPosition(change)) {
      Delivery.getHandle(change)?.gather();
      this.#changes.push(change);
    }
  }

  #addStreamed(change: AnyChange): void {
    if (!this.#block) return;
    const recording = getRawChange(change);
    if (!recording) {
      throw new ReplicationError(
        'NOT_STREAMED',
        'A streamed change carries its own bytes only as the stream emitted it',
      );
    }
    this.#block.changes.add(recording);
    Delivery.getHandle(change)?.gather();
  }

  #enterBlock(xid: number, first: boolean): void {
    let stream = this.#streams.get(xid);
    if (first) {
      stream = { changes: new StreamedChanges(this.#budget), origin: undefined };
      this.#streams.set(xid, stream);
    }
    this.#block = stream;
  }

  #abort(xid: number, subxid: number): void {
    const stream = this.#streams.get(xid);
    if (xid !== subxid) {
      stream?.changes.abort(subxid);
      return;
    }
    stream?.changes.release();
    this.#streams.delete(xid);
  }

  #commit(commit: CommitMessage): Transaction | undefined {
    const { begin, origin, changes } = this.#take();
    if (begin?.kind !== 'begin') return undefined;
    if (changes.length === 0) {
      Delivery.discard(commit);
      return undefined;
    }
    const { commitLsn, endLsn, commitTime } = commit;
    return grouped(
      commit,
      new Transaction(begin.xid, commitLsn, endLsn, commitTime, origin, new WholeChanges(changes)),
    );
  }

  #prepare(prepare: PrepareMessage): PreparedTransaction | undefined {
    const { begin, origin, changes } = this.#take();
    if (begin?.kind !== 'beginPrepare') return undefined;
    return prepared(prepare, origin, new WholeChanges(changes));
  }

  #take(): { begin: BeginMessage | BeginPrepareMessage | undefined; origin: string | undefined; changes: Change[] } {
    const taken = { begin: this.#begin, origin: this.#origin, changes: this.#changes };
    this.#begin = undefined;
    this.#changes = [];
    return taken;
  }

  #commitStream(commit: StreamCommitMessage): Transaction | undefined {
    const { xid, commitLsn, endLsn, commitTime } = commit;
    const stream = this.#takeStream(xid);
    if (!stream) return undefined;
    const { changes, origin } = stream;
    // The window bounds what waits for the subscriber.
    changes.leaveBudget();
    if (changes.size === 0) {
      changes.release();
      Delivery.getHandle(commit)?.group(0).discard();
      return undefined;
    }
    const list = new StreamedList(changes, commitLsn);
    return grouped(commit, new Transaction(xid, commitLsn, endLsn, commitTime, origin, list), changes.held);
  }

  #prepareStream(prepare: StreamPrepareMessage): PreparedTransaction | undefined {
    const stream = this.#takeStream(prepare.xid);
    if (!stream) return undefined;
    const { changes, origin } = stream;
    return prepared(prepare, origin, new StreamedList(changes, prepare.prepareLsn), changes.held);
  }

  #takeStream(xid: number): Streaming | undefined {
    const stream = this.#streams.get(xid);
    // It may fail to be written, and is then let go of with the others.
    stream?.changes.end();
    this.#streams.delete(xid);
    return stream;
  }
}

function prepared(
  message: PrepareMessage | StreamPrepareMessage,
  origin: string | undefined,
  changes: ChangeList,
  held?: number,
): PreparedTransaction {
  const { gid, xid, prepareLsn, endLsn, prepareTime } = message;
  return grouped(message, new PreparedTransaction(gid, xid, prepareLsn, endLsn, prepareTime, origin, changes), held);
}

/** Gives a group the place in the ledger of the message that ends it. */
function grouped<T extends Delivery>(end: Delivery, group: T, held?: number): T {
  const handle = Delivery.getHandle(end);
  if (handle) Delivery.attach(group, handle.group(held));
  return group;
}

/** What a consumer who keeps the position should store, though nothing has changed. */
function progressOf(keepalive: KeepaliveMessage): Transaction | undefined {
  if (!Delivery.getHandle(keepalive)?.isProgress) return undefined;
  const { walEnd, serverTime } = keepalive;
  return grouped(
    keepalive,
    new Transaction(0, walEnd, walEnd, serverTime, undefined, new WholeChanges([]), 'progress'),
  );
}
