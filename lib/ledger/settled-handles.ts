import type { AckHandle, SessionControl } from './acknowledgement';
import type { CommitUnit, HandleOwner } from './commit-unit';
import type { Lsn } from '../common/lsn';

/** The handle of a delivery that needs no settling. */
export class SettledHandle implements AckHandle {
  readonly isProgress: boolean = false;
  readonly xid = undefined;

  constructor(readonly owner: HandleOwner) {}

  get session(): SessionControl {
    return this.owner.session;
  }

  markReached(): void {}

  settle(): boolean {
    return true;
  }

  discard(): void {}

  gather(): void {}

  group(): AckHandle {
    return this;
  }
}

/** The handle of a keepalive that counts when it is acknowledged. No other delivery waits for it, unless `group` is called. */
export class KeepaliveHandle extends SettledHandle {
  #acknowledged = false;

  constructor(
    owner: HandleOwner,
    readonly walEnd: Lsn,
    /** The last unit that was delivered before the keepalive. */
    readonly after: CommitUnit | undefined,
    override readonly isProgress: boolean,
  ) {
    super(owner);
  }

  override settle(): boolean {
    return (this.#acknowledged ||= this.owner.acknowledgeKeepalive(this.walEnd, this.after));
  }

  override group(): AckHandle {
    return this.owner.openStandaloneUnit(this.walEnd, 0);
  }
}
