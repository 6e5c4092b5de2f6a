import { sourceOf, type SourceServer, type StartPosition } from '../ledger/checkpoint';
import { maxLsn, type Lsn } from '../common/lsn';
import type { SlotStatus } from './slot-commands';

/** What an observable remembers of its slot between one subscription and the next. */
export class ResumeState {
  #position: StartPosition | undefined;
  /** The furthest that the slot can stand without another hand in it. */
  #furthest: Lsn = 0n;

  /** How far it had come, acknowledged whether or not the server heard of it. undefined before the first stream. */
  get position(): StartPosition | undefined {
    return this.#position;
  }

  get furthestLsn(): Lsn {
    return this.#furthest;
  }

  /** The slot is ours now: where it stood is where we took it over. */
  recordStart({ name, confirmedFlushLsn }: SlotStatus, server: SourceServer): void {
    if (!this.#position) this.#furthest = maxLsn(this.#furthest, confirmedFlushLsn ?? 0n);
    this.#position = { lsn: this.#position?.lsn ?? 0n, source: sourceOf(server, name) };
  }

  recordConfirmed(lsn: Lsn): void {
    this.#furthest = maxLsn(this.#furthest, lsn);
    if (this.#position) this.#position = { ...this.#position, lsn: maxLsn(this.#position.lsn, lsn) };
  }
}
