import type { Delivery } from './acknowledgement';
import type { CommitUnit } from './commit-unit';
import type { Lsn } from '../common/lsn';
import { UnitLedger } from './unit-ledger';

/** The ledger of an initial copy. A batch of rows is a unit. Several batches can be open at once, of different tables. */
export class CopyLedger extends UnitLedger {
  openBatch(): CommitUnit {
    return this.appendUnit();
  }

  addRow(message: Delivery, batch: CommitUnit, bytes: number): void {
    this.attachChange(message, batch, bytes);
  }

  /** @param position the same for all batches: the copy confirms nothing to the server */
  endBatch(message: Delivery, batch: CommitUnit, position: Lsn, bytes: number): void {
    batch.position = position;
    this.attachEnd(message, batch, bytes);
  }
}
