import { Delivery, type AckHandle, type SessionControl } from './acknowledgement';
import type { CommitUnit, HandleOwner } from './commit-unit';
import type { Lsn } from '../common/lsn';

/** The handle of deliveries that need no settling. */
export class SettledHandle implements AckHandle {
  readonly isProgress: boolean = false;
  readonly xid = undefined;

  constructor(readonly owner: HandleOwner) {}

  get session(): SessionControl {
    return this.owner.session;
  }

  markReached(): void {}

  settle(_bytes: number, _index: number, _bySubscriber: boolean): boolean {
    return true;
  }

  recordRepeatedAck(): void {}

  gather(): void {}

  attachGroup(_end: Delivery, group: Delivery): void {
    Delivery.attach(group, this);
  }
}

/** The handle of a keepalive that counts when it is acknowledged. No other delivery waits for it, unless `group` is called. */
export class KeepaliveHandle extends SettledHandle {
  constructor(
    owner: HandleOwner,
    readonly walEnd: Lsn,
    /** The last unit that was delivered before the keepalive. */
    readonly after: CommitUnit | undefined,
    override readonly isProgress: boolean,
  ) {
    super(owner);
  }

  override settle(_bytes: number, _index: number, bySubscriber: boolean): boolean {
    return bySubscriber && this.owner.acknowledgeKeepalive(this.walEnd, this.after);
  }

  override attachGroup(_end: Delivery, group: Delivery): void {
    this.owner.openStandaloneUnit(group, this.walEnd, 0);
  }
}
