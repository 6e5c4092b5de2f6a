import { Delivery, type DeliveryState } from '../../../lib/ledger/acknowledgement';
import { Ledger } from '../../../lib/ledger/ledger';
import type { StalledDelivery } from '../../../lib/ledger/stalled-delivery';

/** A delivery without content. */
export class LedgerDelivery extends Delivery {
  override deliveryState: DeliveryState | undefined;

  get isProgress(): boolean {
    return Delivery.getHandle(this)?.isProgress === true;
  }

  settle(): boolean {
    return this.acknowledge();
  }

  discard(): void {
    Delivery.discard(this);
  }

  gather(): void {
    Delivery.gather(this);
  }

  group(held?: number): LedgerDelivery {
    const group = new LedgerDelivery();
    Delivery.attachGroup(this, group, held);
    return group;
  }
}

/** A ledger that creates the deliveries: each call is a message, and returns it with its handle attached. */
export class DeliveringLedger {
  readonly ledger: Ledger;

  constructor(...args: ConstructorParameters<typeof Ledger>) {
    this.ledger = new Ledger(...args);
  }

  get confirmed(): bigint {
    return this.ledger.confirmed;
  }

  get delivered(): bigint {
    return this.ledger.delivered;
  }

  get confirmableLsn(): bigint {
    return this.ledger.confirmableLsn;
  }

  get acknowledged(): boolean {
    return this.ledger.acknowledged;
  }

  get unackedMessages(): number {
    return this.ledger.unackedMessages;
  }

  get unackedBytes(): number {
    return this.ledger.unackedBytes;
  }

  get settled(): boolean {
    return this.ledger.settled;
  }

  get stalled(): StalledDelivery | undefined {
    return this.ledger.stalled;
  }

  get stallRemedy(): string {
    return this.ledger.stallRemedy;
  }

  get inBlock(): boolean {
    return this.ledger.inBlock;
  }

  isFull(): boolean {
    return this.ledger.isFull();
  }

  resume(startLsn: bigint): void {
    this.ledger.resume(startLsn);
  }

  recordDelivered(walEnd: bigint): void {
    this.ledger.recordDelivered(walEnd);
  }

  close(): void {
    this.ledger.close();
  }

  stopBefore(delivery: LedgerDelivery, upTo?: bigint): void {
    const handle = Delivery.getHandle(delivery);
    if (handle) this.ledger.stopBefore(handle, upTo);
  }

  stopAfter(delivery: LedgerDelivery, upTo?: bigint): void {
    const handle = Delivery.getHandle(delivery);
    if (handle) this.ledger.stopAfter(handle, upTo);
  }

  /** A message that needs no settling. */
  openSettled(): LedgerDelivery {
    return this.#deliver((message) => this.ledger.attachSettled(message));
  }

  openKeepalive(walEnd: bigint, isProgress?: boolean): LedgerDelivery {
    return this.#deliver((message) => this.ledger.attachKeepalive(message, walEnd, isProgress));
  }

  openStandaloneUnit(position: bigint, bytes: number): LedgerDelivery {
    return this.#deliver((message) => this.ledger.openStandaloneUnit(message, position, bytes));
  }

  begin(commitLsn?: bigint, xid?: number): LedgerDelivery {
    return this.#deliver((message) => this.ledger.begin(message, commitLsn, xid));
  }

  change(bytes: number, subxid?: number): LedgerDelivery {
    return this.#deliver((message) => this.ledger.change(message, bytes, subxid));
  }

  commit(endLsn: bigint, bytes: number): LedgerDelivery {
    return this.#deliver((message) => this.ledger.commit(message, endLsn, bytes));
  }

  prepare(xid: number, endLsn: bigint, bytes: number): LedgerDelivery {
    return this.#deliver((message) => this.ledger.prepare(message, xid, endLsn, bytes));
  }

  endPrepared(xid: number, endLsn: bigint, bytes: number): LedgerDelivery {
    return this.#deliver((message) => this.ledger.endPrepared(message, xid, endLsn, bytes));
  }

  enterBlock(xid: number): LedgerDelivery {
    return this.#deliver((message) => this.ledger.enterBlock(message, xid));
  }

  leaveBlock(): LedgerDelivery {
    return this.#deliver((message) => this.ledger.leaveBlock(message));
  }

  commitStream(xid: number, endLsn: bigint, bytes: number): LedgerDelivery {
    return this.#deliver((message) => this.ledger.commitStream(message, xid, endLsn, bytes));
  }

  prepareStream(xid: number, endLsn: bigint, bytes: number): LedgerDelivery {
    return this.#deliver((message) => this.ledger.prepareStream(message, xid, endLsn, bytes));
  }

  abortStream(xid: number, subxid: number): LedgerDelivery {
    return this.#deliver((message) => this.ledger.abortStream(message, xid, subxid));
  }

  #deliver(attach: (message: Delivery) => void): LedgerDelivery {
    const message = new LedgerDelivery();
    attach(message);
    return message;
  }
}
