import { ReplicationError } from '../errors';
import { formatLsn, laterLsn, type Lsn } from '../lsn';
import type { SlotStatus } from './slot-commands';

/** What an observable remembers of its slot between one subscription and the next. */
export class SlotMemory {
  #seen = false;
  #systemId: string | undefined;
  #confirmed: Lsn = 0n;
  /** The furthest that the slot can stand without another hand in it. */
  #furthest: Lsn = 0n;

  /** Whether an earlier subscription found or made the slot. */
  get seen(): boolean {
    return this.#seen;
  }

  /** What has been acknowledged, whether or not the server heard of it. */
  get confirmed(): Lsn {
    return this.#confirmed;
  }

  confirm(lsn: Lsn): void {
    this.#confirmed = laterLsn(this.#confirmed, lsn);
    this.#furthest = laterLsn(this.#furthest, lsn);
  }

  /**
   * A position means nothing on another cluster: there it could lie beyond what was never delivered.
   *
   * @throws SLOT_LOST when the server is another one than before
   */
  recognise(systemId: string): void {
    if (this.#systemId !== undefined && this.#systemId !== systemId) {
      throw new ReplicationError(
        'SLOT_LOST',
        `This is another cluster (system ${systemId}) than the one streamed from before (${this.#systemId})`,
      );
    }
  }

  /** The slot is ours now: where it stood is where we took it over. */
  see({ confirmedFlushLsn }: SlotStatus, systemId: string): void {
    if (!this.#seen) this.#furthest = laterLsn(this.#furthest, confirmedFlushLsn ?? 0n);
    this.#seen = true;
    this.#systemId = systemId;
  }

  /** @throws SLOT_MOVED when somebody else has advanced the slot since */
  check({ name, confirmedFlushLsn }: SlotStatus): void {
    if (!this.#seen || confirmedFlushLsn === undefined || confirmedFlushLsn <= this.#furthest) return;
    throw new ReplicationError(
      'SLOT_MOVED',
      `Replication slot "${name}" stands at ${formatLsn(confirmedFlushLsn)}, but this stream confirmed no more than ${formatLsn(this.#furthest)}`,
    );
  }

  /** The slot that earlier subscriptions used is gone. A new one would begin after a gap. */
  lost(slot: string): never {
    throw new ReplicationError('SLOT_LOST', `Replication slot "${slot}" does not exist any more`);
  }
}
