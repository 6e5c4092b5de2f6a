import type { Checkpoint } from '../../../lib/ledger/checkpoint';
import { parseLsn } from '../../../lib/common/lsn';
import type { Transaction } from '../../../lib/operators/transactions/transaction';
import { names } from '../../support/streaming';

/** A consumer's own table, and the position of what it holds. */
export class Store {
  position: Checkpoint | undefined;
  readonly rows: unknown[] = [];
  /** Skips what it already holds. */
  save(tx: Transaction): void {
    if (this.lsn > tx.commitLsn) return;
    this.rows.push(...names([tx]));
    this.position = JSON.parse(JSON.stringify(tx.checkpoint)) as Checkpoint;
  }

  get lsn(): bigint {
    return this.position ? parseLsn(this.position.endLsn) : 0n;
  }
}
