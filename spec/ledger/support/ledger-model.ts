/** The ledger beside the naive one, for random steps to be taken on both. */
import type fc from 'fast-check';

import type { DeliveringLedger as Ledger, LedgerDelivery } from './delivering-ledger';
import type { PositionOwner } from '../../../lib/ledger/unit-ledger';
import type { WindowLimits } from '../../../lib/ledger/window';
import { createLedger } from './create-ledger';
import { expectSame, NaiveLedger, type Keepalive, type Piece } from './naive-ledger';

/** The naive ledger, and what the commands have to remember. */
export class Model {
  readonly naive: NaiveLedger;
  /** Where the server's WAL has come to. */
  lsn = 1000n;
  /** Whether the open transaction is gathered. */
  gathering = false;
  /** The transactions in blocks of which that is so. */
  readonly gathered = new Set<number>();
  /** The one whose block is coming. */
  xid = 0;
  /** By xid: which items are prepared, and have not ended. */
  readonly prepared = new Map<number, number>();
  stopped = false;
  /** How often the window has reopened. */
  reopenings = 0;

  constructor(limits: WindowLimits, owner: PositionOwner) {
    this.naive = new NaiveLedger(limits, owner);
  }

  /** @returns an xid of its own for the open transaction, which is prepared */
  prepare(): number {
    const item = this.naive.items.findIndex((item) => item.kind === 'transaction' && item.endLsn === undefined);
    const xid = 1000 + item;
    this.prepared.set(xid, item);
    return xid;
  }

  /** A session decodes nothing while the window is full, and nothing after its end. */
  get reading(): boolean {
    return !this.naive.full && !this.stopped && !this.naive.closed;
  }
}

/** The ledger, and its deliveries by their counterparts in the naive ledger. */
export class Real {
  readonly ledger: Ledger;
  readonly events: string[];
  readonly deliveries = new Map<Piece, LedgerDelivery>();
  readonly keepalives = new Map<Keepalive, LedgerDelivery>();
  /** The last message. */
  last: LedgerDelivery | undefined;

  constructor(limits: WindowLimits, owner: PositionOwner) {
    ({ ledger: this.ledger, events: this.events } = createLedger(limits, owner));
  }

  readonly keep = (piece: Piece | undefined, delivery: LedgerDelivery): LedgerDelivery => {
    if (piece) this.deliveries.set(piece, delivery);
    return (this.last = delivery);
  };

  getDelivery(piece: Piece): LedgerDelivery {
    const delivery = this.deliveries.get(piece);
    if (!delivery) throw new Error('There is no such delivery');
    return delivery;
  }
}

/** One step on both sides, after which they have to agree. */
export class Step implements fc.Command<Model, Real> {
  constructor(
    readonly name: string,
    readonly check: (model: Model) => boolean,
    readonly step: (model: Model, real: Real) => void,
  ) {}

  run(model: Model, real: Real): void {
    const before = model.naive.full;
    this.step(model, real);
    model.naive.updateFull();
    if (before && !model.naive.full) model.reopenings++;
    expectAgreement(model, real);
  }

  toString(): string {
    return this.name;
  }
}

export function expectAgreement({ naive, reopenings }: Model, { ledger, events }: Real): void {
  const actual = {
    confirmed: ledger.confirmed,
    messages: ledger.unackedMessages,
    bytes: ledger.unackedBytes,
    full: ledger.isFull(),
    settled: ledger.settled,
    reason: ledger.stalled?.reason,
    reopenings: events.filter((event) => event === 'windowReopened').length,
  };
  const { confirmed, messages, bytes, full, settled, reason } = naive;
  expectSame(actual, { confirmed, messages, bytes, full, settled, reason, reopenings });
}

export const isReading = (model: Model): boolean => model.reading;
export const isInside = (model: Model): boolean => model.reading && model.naive.open;
export const isInBlock = (model: Model): boolean => model.reading && model.naive.inBlock;
export const isBetween = (model: Model): boolean => model.reading && !model.naive.open && !model.naive.inBlock;
