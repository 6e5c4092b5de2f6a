import { from } from 'rxjs';
import {
  Delivery,
  type Acknowledgeable,
  type AckHandle,
  type SessionControl,
  type StopControl,
} from '../ledger/acknowledgement';
import type { StreamSource } from '../ledger/checkpoint';
import { toLsn, type Lsn } from '../common/lsn';
import type { Transaction } from '../operators/transactions/transaction';
import { transactions } from '../operators/transactions/transactions';
import { PgoutputDecoder } from '../pgoutput/decode/decoder';
import type { AnyPgoutputMessage, PgoutputMessage } from '../pgoutput/messages/messages';
import { defaultTypes, type TypeParsers } from '../pgoutput/values/values';
import { StreamHistory } from '../ledger/stream-history';
import type { TransactionDraft, WalTransaction } from './transaction';
import { buildTransaction } from './wal';

export interface DeliveryOptions {
  /** The parsers of values, as in `logicalReplication`. Default: those of `pg`. */
  readonly types?: TypeParsers;
  /** The LSN of the transaction's first record, unless the transaction has LSNs. Default: 0/1000000. */
  readonly startLsn?: Lsn | string;
  /** The source in {@link Transaction.checkpoint}. */
  readonly source?: Partial<StreamSource>;
}

/**
 * Creates the messages of a transaction, from Begin to Commit, as `logicalReplication` emits them. They belong to no stream, so
 * operators that stop a stream, such as `stopOn`, have no effect; use a {@link FakeWalSender} for these.
 *
 * @example
 * from(toMessages(transaction([orders.insert({ id: 1 })]))).pipe(ofTable('orders')).subscribe(({ ack }) => ack());
 */
export function toMessages(draft: TransactionDraft | WalTransaction, options: DeliveryOptions = {}): PgoutputMessage[] {
  const { payloads } =
    'payloads' in draft
      ? draft
      : buildTransaction(draft, toLsn('startLsn', options.startLsn ?? 0x1000000n), new Date());
  const decoder = new PgoutputDecoder(options.types ?? defaultTypes);
  const session = new BuiltSession(options.source);
  return payloads.map((payload) => {
    const message = decoder.decode(payload, 0, payload.length);
    if (!isOfWholeTransaction(message))
      throw new Error(
        `A transaction that is sent as a whole has no message of kind ${message.kind}; use a FakeWalSender`,
      );
    Delivery.attach(message, new BuiltHandle(session), 0);
    return message;
  });
}

/**
 * Whether a message belongs to a transaction that is sent as a whole.
 *
 * @internal
 */
export function isOfWholeTransaction(message: AnyPgoutputMessage): message is PgoutputMessage {
  switch (message.kind) {
    case 'begin':
    case 'commit':
    case 'origin':
    case 'relation':
    case 'type':
      return true;
    case 'insert':
    case 'update':
    case 'delete':
    case 'truncate':
    case 'message':
      return message.xid === undefined;
    default:
      return false;
  }
}

/**
 * Creates a Transaction as `transactions()` emits it, for unit tests of a function `save(tx)`. {@link isAcknowledged} returns
 * whether it was acknowledged.
 *
 * @example
 * const tx = toTransaction(transaction([orders.insert({ id: 1 })]));
 * await save(tx);
 * tx.ack();
 */
export function toTransaction(draft: TransactionDraft | WalTransaction, options: DeliveryOptions = {}): Transaction {
  const built: Transaction[] = [];
  from(toMessages(draft, options))
    .pipe(transactions())
    .subscribe((tx) => built.push(tx));
  const [tx] = built;
  if (!tx) throw new Error('transactions() does not emit a transaction without changes; add a change');
  return tx;
}

/** Whether `ack()` was called on a message or transaction of {@link toMessages} or {@link toTransaction}. */
export function isAcknowledged(delivery: Acknowledgeable): boolean {
  const handle = delivery instanceof Delivery ? Delivery.getHandle(delivery) : undefined;
  if (handle instanceof BuiltHandle) return handle.settled;
  throw new Error('isAcknowledged supports only results of toMessages and toTransaction');
}

/** A handle without a ledger. It only records whether it was settled. */
class BuiltHandle implements AckHandle {
  settled = false;
  readonly isProgress = false;
  readonly xid = undefined;

  constructor(readonly session: BuiltSession) {}

  markReached(): void {
    // There is no ledger.
  }

  settle(): boolean {
    this.settled = true;
    return true;
  }

  recordRepeatedAck(): void {
    this.settled = true;
  }

  gather(): void {
    // There is no window.
  }

  attachGroup(_end: Delivery, group: Delivery): void {
    Delivery.attach(group, new BuiltHandle(this.session), 0);
  }
}

/** A session without a stream, which closes as soon as it is stopped. */
class BuiltSession implements SessionControl {
  readonly source: StreamSource;
  readonly resumeLsn = 0n;
  readonly confirms = false;
  readonly redelivers = true;
  readonly consumerOwnsPosition = false;
  readonly history = new StreamHistory((listener) => {
    listener();
    return () => undefined;
  });
  readonly stops: StopControl = {
    stopBefore: () => {
      this.stop();
    },
    stopAfter: () => {
      this.stop();
    },
  };
  #streaming = true;

  constructor(source: Partial<StreamSource> = {}) {
    this.source = { systemId: '7300000000000000001', timeline: 1, slot: 'orders', ...source };
  }

  stop(): void {
    this.#streaming = false;
  }

  stopAtBoundary(): void {
    this.stop();
  }

  abandon(): void {
    this.stop();
  }

  expectAcks(): void {
    // There is no server to close the session.
  }

  isStreaming(): boolean {
    return this.#streaming;
  }

  whenClosed(listener: (error?: unknown) => void): () => void {
    listener();
    return () => undefined;
  }

  afterClose(listener: () => void): void {
    listener();
  }
}
