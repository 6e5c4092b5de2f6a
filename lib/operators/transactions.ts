import { defer, filter, map, type OperatorFunction } from 'rxjs';
import { Delivery } from '../acknowledgement';
import type { LogicalMessage } from '../pgoutput/change-messages';
import type { Change, ReplicationMessage } from '../pgoutput/messages';
import type { BeginMessage, CommitMessage } from '../pgoutput/transaction-messages';
import type { KeepaliveMessage } from '../pgoutput/walsender-messages';
import { Transaction } from './transaction';

/** What {@link transactions} does with what belongs to no transaction. */
export interface TransactionsOptions {
  /**
   * Whether logical messages outside any transaction are passed on, between the transactions. Otherwise they are dropped
   * and count as done. Default false.
   */
  readonly passMessages?: boolean;
}

/**
 * Groups the flat stream: Begin … Commit becomes one {@link Transaction}, in commit order.
 *
 * While a transaction is gathered the window does not stop it, so one may be larger than the window; the Transaction then
 * counts as one delivery with the bytes of all its changes. What belongs to no transaction (keepalives, relations, types)
 * goes no further. Transactions in which nothing is left, after a filter say, are not emitted.
 *
 * Where the consumer keeps the position (`startLsn` as a function), a quiet stream emits a Transaction of kind `progress`
 * and size 0 now and then, at most once per `statusInterval` or when the server asks. Store its position like that of any
 * other; it has to be acknowledged, too.
 *
 * @example
 * logicalReplication(config)
 *   .pipe(transactions())
 *   .subscribe((tx) => {
 *     console.log(`${tx.size} changes, committed at ${tx.commitTime.toISOString()}`);
 *     tx.ack();
 *   });
 */
export function transactions(options?: {
  readonly passMessages?: false;
}): OperatorFunction<ReplicationMessage, Transaction>;
export function transactions(
  options: TransactionsOptions,
): OperatorFunction<ReplicationMessage, Transaction | LogicalMessage>;
export function transactions({ passMessages = false }: TransactionsOptions = {}): OperatorFunction<
  ReplicationMessage,
  Transaction | LogicalMessage
> {
  return (source) =>
    defer(() => {
      const assembly = new Assembly(passMessages);
      return source.pipe(
        // Most messages complete nothing, and go no further than this.
        filter((message) => assembly.gather(message)),
        map((message) => assembly.finish(message)),
        filter((unit) => unit !== undefined),
      );
    });
}

/** Gathers the messages of one transaction, and makes of them what is emitted. */
class Assembly {
  readonly #passMessages: boolean;
  #begin: BeginMessage | undefined;
  #origin: string | undefined;
  #changes: Change[] = [];

  constructor(passMessages: boolean) {
    this.#passMessages = passMessages;
  }

  /**
   * What comes without its Begin (something in between dropped it, or a subscriber came late) is neither emitted nor
   * settled.
   *
   * @returns whether the message may complete something, for {@link finish} to say
   */
  gather(message: ReplicationMessage): boolean {
    switch (message.kind) {
      case 'begin':
        // One that is still open was cut off with its session, and comes again as a whole.
        this.#begin = message;
        this.#origin = undefined;
        this.#changes = [];
        return false;
      case 'origin':
        this.#origin = message.name;
        return false;
      case 'message':
        if (message.transactional) this.#add(message);
        return !message.transactional;
      case 'insert':
      case 'update':
      case 'delete':
      case 'truncate':
        this.#add(message);
        return false;
      case 'commit':
      case 'keepalive':
        return true;
      case 'relation':
      case 'type':
        return false;
    }
  }

  #add(change: Change): void {
    if (!this.#begin) return;
    Delivery.entryOf(change)?.gather();
    this.#changes.push(change);
  }

  finish(message: ReplicationMessage): Transaction | LogicalMessage | undefined {
    switch (message.kind) {
      case 'commit':
        return this.#commit(message);
      case 'keepalive':
        return progressOf(message);
      case 'message':
        if (this.#passMessages) return message;
        Delivery.discard(message);
        return undefined;
      default:
        return undefined;
    }
  }

  #commit(commit: CommitMessage): Transaction | undefined {
    const begin = this.#begin;
    const changes = this.#changes;
    this.#begin = undefined;
    this.#changes = [];
    if (!begin) return undefined;
    if (changes.length === 0) {
      Delivery.discard(commit);
      return undefined;
    }
    const { commitLsn, endLsn, commitTime } = commit;
    const transaction = new Transaction(begin.xid, commitLsn, endLsn, commitTime, this.#origin, changes);
    const entry = Delivery.entryOf(commit);
    if (entry) Delivery.attach(transaction, entry.group());
    return transaction;
  }
}

/** What a consumer who keeps the position should store, though nothing has changed. */
function progressOf(keepalive: KeepaliveMessage): Transaction | undefined {
  const entry = Delivery.entryOf(keepalive);
  if (!entry?.isProgress) return undefined;
  const { walEnd, serverTime } = keepalive;
  const progress = new Transaction(0, walEnd, walEnd, serverTime, undefined, [], 'progress');
  Delivery.attach(progress, entry.group());
  return progress;
}
