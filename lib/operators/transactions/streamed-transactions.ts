import { ReplicationError } from '../../common/errors';
import { Delivery } from '../../ledger/acknowledgement';
import type { AnyChange } from '../../pgoutput/messages/messages';
import { getRawChange } from '../../pgoutput/messages/raw-change';
import { GatheringBudget } from './gathering-budget';
import type { Spool } from './spool';
import { StreamedChanges } from './streamed-changes';

/** A transaction whose blocks are being gathered. */
export interface GatheredTransaction {
  readonly changes: StreamedChanges;
  origin: string | undefined;
}

/** The transactions in progress that the server streams in blocks. */
export class StreamedTransactions {
  readonly #budget: GatheringBudget;
  /** By xid. */
  readonly #transactions = new Map<number, GatheredTransaction>();
  /** The transaction whose block is being delivered. */
  #block: GatheredTransaction | undefined;

  /** @param maxBytes the maximum memory for all transactions together */
  constructor(maxBytes: number, spool: Spool) {
    this.#budget = new GatheringBudget(maxBytes, spool);
  }

  get inBlock(): boolean {
    return this.#block !== undefined;
  }

  /** @param first whether it is the first block of the transaction; without it, later blocks are dropped */
  enterBlock(xid: number, first: boolean): void {
    if (first) this.#transactions.set(xid, { changes: new StreamedChanges(this.#budget), origin: undefined });
    this.#block = this.#transactions.get(xid);
  }

  leaveBlock(): void {
    this.#block = undefined;
  }

  setOrigin(name: string): void {
    if (this.#block) this.#block.origin = name;
  }

  /** @throws {ReplicationError} `SPOOL_FAILED`, or `NOT_STREAMED` for a change that no stream delivered */
  add(change: AnyChange): void {
    if (!this.#block) return;
    const rawChange = getRawChange(change);
    if (!rawChange) {
      throw new ReplicationError(
        'NOT_STREAMED',
        'A streamed change lacks its encoded bytes, because an operator has replaced the message',
      );
    }
    this.#block.changes.add(rawChange);
    Delivery.gather(change);
  }

  /** Drops the changes of a subtransaction, or of the whole transaction where both xids are the same. */
  abort(xid: number, subxid: number): void {
    const transaction = this.#transactions.get(xid);
    if (xid !== subxid) {
      transaction?.changes.abort(subxid);
      return;
    }
    transaction?.changes.release();
    this.#transactions.delete(xid);
  }

  /**
   * Removes a transaction that has ended.
   *
   * @throws {ReplicationError} `SPOOL_FAILED`; `clear` then still releases the transaction
   */
  remove(xid: number): GatheredTransaction | undefined {
    const transaction = this.#transactions.get(xid);
    transaction?.changes.end();
    this.#transactions.delete(xid);
    return transaction;
  }

  /** Releases all transactions. */
  clear(): void {
    for (const { changes } of this.#transactions.values()) changes.release();
    this.#transactions.clear();
    this.#block = undefined;
  }
}
