/** The ledger beside the naive one, for random steps to be taken on both. */
import type fc from 'fast-check';

import type { DeliveringLedger as Ledger, LedgerDelivery } from './delivering-ledger';
import type { PositionOwner } from '../../../lib/ledger/unit-ledger';
import type { WindowLimits } from '../../../lib/ledger/window';
import { ledgerOf } from './ledger-of';
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
  /** What the ledger should have told so far of a window that emptied. */
  relieved = 0;

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

/** The ledger, and its entries by what they are to the naive one. */
export class Real {
  readonly ledger: Ledger;
  readonly told: string[];
  readonly entries = new Map<Piece, LedgerDelivery>();
  readonly keepalives = new Map<Keepalive, LedgerDelivery>();
  /** The last delivery's entry. */
  last: LedgerDelivery | undefined;

  constructor(limits: WindowLimits, owner: PositionOwner) {
    ({ ledger: this.ledger, told: this.told } = ledgerOf(limits, owner));
  }

  readonly keep = (piece: Piece | undefined, entry: LedgerDelivery): LedgerDelivery => {
    if (piece) this.entries.set(piece, entry);
    return (this.last = entry);
  };

  entry(piece: Piece): LedgerDelivery {
    const entry = this.entries.get(piece);
    if (!entry) throw new Error('There is no such entry');
    return entry;
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
    model.naive.look();
    if (before && !model.naive.full) model.relieved++;
    agree(model, real);
  }

  toString(): string {
    return this.name;
  }
}

export function agree({ naive, relieved }: Model, { ledger, told }: Real): void {
  const actual = {
    confirmed: ledger.confirmed,
    messages: ledger.unackedMessages,
    bytes: ledger.unackedBytes,
    full: ledger.isFull(),
    settled: ledger.settled,
    reason: ledger.stalled?.reason,
    relieved: told.filter((event) => event === 'relieved').length,
  };
  const { confirmed, messages, bytes, full, settled, reason } = naive;
  expectSame(actual, { confirmed, messages, bytes, full, settled, reason, relieved });
}

export const isReading = (model: Model): boolean => model.reading;
export const isInside = (model: Model): boolean => model.reading && model.naive.open;
export const isInBlock = (model: Model): boolean => model.reading && model.naive.inBlock;
export const isBetween = (model: Model): boolean => model.reading && !model.naive.open && !model.naive.inBlock;
