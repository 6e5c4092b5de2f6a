import { createSource, type SourceServer, type StartPosition } from '../ledger/checkpoint';
import { maxLsn, type Lsn } from '../common/lsn';
import type { SlotStatus } from './slot-commands';

/** The state of a slot that an observable keeps from one subscription to the next. */
export class ResumeState {
  #position: StartPosition | undefined;
  /** The furthest position of the slot unless another client advanced it. */
  #furthestLsn: Lsn = 0n;

  /** The confirmed position, whether or not it was sent to the server. undefined before the first stream. */
  get position(): StartPosition | undefined {
    return this.#position;
  }

  get furthestLsn(): Lsn {
    return this.#furthestLsn;
  }

  /** This observable streams from the slot now, from the slot's present position. */
  recordStart({ name, confirmedFlushLsn }: SlotStatus, server: SourceServer): void {
    if (!this.#position) this.#furthestLsn = maxLsn(this.#furthestLsn, confirmedFlushLsn ?? 0n);
    this.#position = { lsn: this.#position?.lsn ?? 0n, source: createSource(server, name) };
  }

  recordConfirmed(lsn: Lsn): void {
    this.#furthestLsn = maxLsn(this.#furthestLsn, lsn);
    if (this.#position) this.#position = { ...this.#position, lsn: maxLsn(this.#position.lsn, lsn) };
  }
}
