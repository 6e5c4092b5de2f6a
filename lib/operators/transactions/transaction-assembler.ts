import { Delivery, type SessionControl } from '../../ledger/acknowledgement';
import type { ChangePosition } from '../../pgoutput/messages/change-messages';
import { hasPosition, type AnyChange, type AnyReplicationMessage, type Change } from '../../pgoutput/messages/messages';
import type { LogicalMessage } from '../../pgoutput/messages/change-messages';
import type { BeginMessage, CommitMessage } from '../../pgoutput/messages/transaction-messages';
import type {
  CopyBeginMessage,
  CopyEndMessage,
  CopyMessage,
  CopyProgressMessage,
} from '../../pgoutput/messages/copy-messages';
import type { StreamCommitMessage } from '../../pgoutput/messages/stream-messages';
import type {
  BeginPrepareMessage,
  CommitPreparedMessage,
  PrepareMessage,
  RollbackPreparedMessage,
  StreamPrepareMessage,
} from '../../pgoutput/messages/two-phase-messages';
import type { KeepaliveMessage } from '../../pgoutput/messages/walsender-messages';
import { createNotAMessageError } from '../not-a-message';
import { StreamedChangeList, InMemoryChangeList, type ChangeList } from './change-list';
import { Spool } from './spool';
import { StreamedTransactions } from './streamed-transactions';
import { CopyBatch, PreparedTransaction, Transaction } from './transaction';
import type { TransactionsOptions } from './transactions-options';

/** What a {@link TransactionAssembler} returns. */
export type AssembledMessage =
  | Transaction
  | PreparedTransaction
  | CommitPreparedMessage
  | RollbackPreparedMessage
  | LogicalMessage<ChangePosition>
  | CopyBeginMessage
  | CopyBatch
  | CopyEndMessage;

/** Assembles the messages of transactions into what `transactions()` emits. */
export class TransactionAssembler {
  readonly #includeNonTransactionalMessages: boolean;
  readonly #spool: Spool;
  #session: SessionControl | undefined;
  #begin: BeginMessage | BeginPrepareMessage | undefined;
  #origin: string | undefined;
  #changes: Change[] = [];
  /** By table: the rows of an initial copy, whose batch has not ended. */
  readonly #copied = new Map<string, Change[]>();
  #isCopying = false;
  readonly #streamed: StreamedTransactions;

  constructor({ includeNonTransactionalMessages, maxBytes, spoolDirectory }: Required<TransactionsOptions>) {
    this.#includeNonTransactionalMessages = includeNonTransactionalMessages;
    this.#spool = new Spool(spoolDirectory);
    this.#streamed = new StreamedTransactions(maxBytes, this.#spool);
  }

  /**
   * Gathers a change, or opens a transaction. If an operator upstream has dropped the Begin, the changes are neither emitted
   * nor settled.
   *
   * @returns whether to call {@link finish} with the message
   * @throws {ConfigError} `CONFIG_INVALID` for a value that is no message
   */
  gather(message: AnyReplicationMessage | CopyMessage | undefined): boolean {
    switch (message?.kind) {
      case 'insert':
      case 'update':
      case 'delete':
      case 'truncate':
        this.#add(message);
        return false;
      case 'begin':
      case 'beginPrepare':
        // A transaction that is still open ended with its session; the server sends all of it again.
        this.#clearIfNewSession(message);
        this.#begin = message;
        this.#origin = undefined;
        this.#changes = [];
        return false;
      case 'origin':
        if (this.#streamed.inBlock) this.#streamed.setOrigin(message.name);
        else this.#origin = message.name;
        return false;
      case 'message':
        if (message.transactional) this.#add(message);
        return !message.transactional;
      case 'streamStart':
        this.#clearIfNewSession(message);
        this.#streamed.enterBlock(message.xid, message.first);
        return false;
      case 'streamStop':
        this.#streamed.leaveBlock();
        return false;
      case 'streamAbort':
        this.#streamed.abort(message.xid, message.subxid);
        return false;
      case 'commit':
      case 'prepare':
      case 'streamCommit':
      case 'streamPrepare':
      case 'commitPrepared':
      case 'rollbackPrepared':
        return true;
      case 'keepalive':
        this.#clearIfNewSession(message);
        return true;
      case 'copyBegin':
        this.#clearIfNewSession(message);
        this.#isCopying = true;
        return true;
      case 'copyEnd':
      case 'copyProgress':
        return true;
      case 'relation':
      case 'type':
        return false;
      default:
        throw createNotAMessageError(
          'transactions',
          message satisfies undefined,
          'use it once, before ackAfter() and ofTable()',
        );
    }
  }

  /** @returns the item that the message completes, if any */
  finish(message: AnyReplicationMessage | CopyMessage): AssembledMessage | undefined {
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
        // The server may have streamed blocks of a transaction that it prepared for an earlier session, without a Prepare.
        this.#streamed.abort(message.xid, message.xid);
        return message;
      case 'keepalive':
        return toProgress(message);
      case 'copyBegin':
      case 'copyEnd':
        return message;
      case 'copyProgress':
        return this.#endBatch(message);
      case 'message':
        if (this.#includeNonTransactionalMessages) return message;
        Delivery.discard(message);
        return undefined;
      default:
        return undefined;
    }
  }

  /** The source has completed. What was delivered can still be acknowledged until the session has closed. */
  complete(): void {
    this.#clear();
    // With confirm: false the session does not wait for acknowledgements, so the spool file stays readable.
    if (this.#session?.confirms) {
      this.#session.afterClose(() => {
        this.#spool.end();
      });
    }
  }

  /** The source has failed, or the subscriber has unsubscribed. */
  end(): void {
    this.#clear();
    this.#spool.end();
  }

  /** Drops incomplete transactions. */
  #clear(): void {
    this.#streamed.clear();
    this.#begin = undefined;
    this.#changes = [];
    this.#copied.clear();
    this.#isCopying = false;
  }

  /** Drops the incomplete transactions of an earlier session: the server sends them again, unless they were aborted. */
  #clearIfNewSession(message: Delivery): void {
    const session = Delivery.getHandle(message)?.session;
    if (session === this.#session) return;
    this.#session = session;
    this.#clear();
  }

  #add(change: AnyChange): void {
    if (change.xid !== undefined) this.#streamed.add(change);
    else if (this.#begin && hasPosition(change)) {
      Delivery.gather(change);
      this.#changes.push(change);
    } else if (this.#isCopying && change.kind === 'insert' && hasPosition(change)) {
      Delivery.gather(change);
      const rows = this.#copied.get(change.table);
      if (rows) rows.push(change);
      else this.#copied.set(change.table, [change]);
    }
  }

  #endBatch(progress: CopyProgressMessage): CopyBatch | undefined {
    const { table, rows, bytes } = progress;
    const changes = this.#copied.get(table);
    this.#copied.delete(table);
    return changes && attachGroupHandle(progress, new CopyBatch(table, rows, bytes, new InMemoryChangeList(changes)));
  }

  #commit(commit: CommitMessage): Transaction | undefined {
    const { begin, origin, changes } = this.#take();
    if (begin?.kind !== 'begin') return undefined;
    if (changes.length === 0) {
      Delivery.discard(commit);
      return undefined;
    }
    const { commitLsn, endLsn, commitTime } = commit;
    return attachGroupHandle(
      commit,
      new Transaction(begin.xid, commitLsn, endLsn, commitTime, origin, new InMemoryChangeList(changes)),
    );
  }

  #prepare(prepare: PrepareMessage): PreparedTransaction | undefined {
    const { begin, origin, changes } = this.#take();
    if (begin?.kind !== 'beginPrepare') return undefined;
    return createPrepared(prepare, origin, new InMemoryChangeList(changes));
  }

  #take(): { begin: BeginMessage | BeginPrepareMessage | undefined; origin: string | undefined; changes: Change[] } {
    const taken = { begin: this.#begin, origin: this.#origin, changes: this.#changes };
    this.#begin = undefined;
    this.#changes = [];
    return taken;
  }

  #commitStream(commit: StreamCommitMessage): Transaction | undefined {
    const { xid, commitLsn, endLsn, commitTime } = commit;
    const transaction = this.#streamed.remove(xid);
    if (!transaction) return undefined;
    const { changes, origin } = transaction;
    // From now on the transaction counts against the window.
    changes.leaveBudget();
    if (changes.size === 0) {
      changes.release();
      Delivery.discard(commit);
      return undefined;
    }
    const list = new StreamedChangeList(changes, commitLsn);
    return attachGroupHandle(commit, new Transaction(xid, commitLsn, endLsn, commitTime, origin, list), changes.held);
  }

  #prepareStream(prepare: StreamPrepareMessage): PreparedTransaction | undefined {
    const transaction = this.#streamed.remove(prepare.xid);
    if (!transaction) return undefined;
    const { changes, origin } = transaction;
    return createPrepared(prepare, origin, new StreamedChangeList(changes, prepare.prepareLsn), changes.held);
  }
}

function createPrepared(
  message: PrepareMessage | StreamPrepareMessage,
  origin: string | undefined,
  changes: ChangeList,
  held?: number,
): PreparedTransaction {
  const { gid, xid, prepareLsn, endLsn, prepareTime } = message;
  return attachGroupHandle(
    message,
    new PreparedTransaction(gid, xid, prepareLsn, endLsn, prepareTime, origin, changes),
    held,
  );
}

/** Attaches the handle that acknowledges all messages of the transaction. */
function attachGroupHandle<T extends Delivery>(end: Delivery, group: T, held?: number): T {
  Delivery.attachGroup(end, group, held);
  return group;
}

/** @returns a position for the consumer's store, or undefined if the keepalive is not progress */
function toProgress(keepalive: KeepaliveMessage): Transaction | undefined {
  if (!Delivery.getHandle(keepalive)?.isProgress) return undefined;
  const { walEnd, serverTime } = keepalive;
  return attachGroupHandle(
    keepalive,
    new Transaction(0, walEnd, walEnd, serverTime, undefined, new InMemoryChangeList([]), 'progress'),
  );
}
