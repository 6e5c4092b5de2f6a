import fc from 'fast-check';
import type { Entry } from '../../lib/acknowledgement';
import type { Ledger, PositionKeeper, WindowLimits } from '../../lib/session/ledger';
import { ledgerOf } from './ledger-of';
import { expectSame, NaiveLedger, type Keepalive, type Piece } from './naive-ledger';

/** The naive ledger, and what the commands have to remember. */
class Model {
  readonly naive: NaiveLedger;
  /** Where the server's WAL has come to. */
  lsn = 1000n;
  /** Whether the open transaction is gathered. */
  gathering = false;
  stopped = false;
  /** What the ledger should have told so far of a window that emptied. */
  relieved = 0;

  constructor(limits: WindowLimits, keeper: PositionKeeper) {
    this.naive = new NaiveLedger(limits, keeper);
  }

  /** A session decodes nothing while the window is full, and nothing after its end. */
  get reading(): boolean {
    return !this.naive.full && !this.stopped && !this.naive.closed;
  }
}

/** The ledger, and its entries by what they are to the naive one. */
class Real {
  readonly ledger: Ledger;
  readonly told: string[];
  readonly entries = new Map<Piece, Entry>();
  readonly keepalives = new Map<Keepalive, Entry>();
  /** The last delivery's entry. */
  last: Entry | undefined;

  constructor(limits: WindowLimits, keeper: PositionKeeper) {
    ({ ledger: this.ledger, told: this.told } = ledgerOf(limits, keeper));
  }

  keep(piece: Piece | undefined, entry: Entry): Entry {
    if (piece) this.entries.set(piece, entry);
    return (this.last = entry);
  }

  entry(piece: Piece): Entry {
    const entry = this.entries.get(piece);
    if (!entry) throw new Error('There is no such entry');
    return entry;
  }
}

/** One step on both sides, after which they have to agree. */
class Step implements fc.Command<Model, Real> {
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

function agree({ naive, relieved }: Model, { ledger, told }: Real): void {
  const actual = {
    confirmed: ledger.confirmed,
    messages: ledger.unackedMessages,
    bytes: ledger.unackedBytes,
    full: ledger.isFull(),
    settled: ledger.settled,
    reason: ledger.held?.reason,
    relieved: told.filter((event) => event === 'relieved').length,
  };
  const { confirmed, messages, bytes, full, settled, reason } = naive;
  expectSame(actual, { confirmed, messages, bytes, full, settled, reason, relieved });
}

const isReading = (model: Model): boolean => model.reading;
const isInside = (model: Model): boolean => model.reading && model.naive.open;
const isBetween = (model: Model): boolean => model.reading && !model.naive.open;

function begin(gathering: boolean): Step {
  return new Step(`begin(${gathering ? 'gathered' : 'flat'})`, isBetween, (model, real) => {
    model.gathering = gathering;
    model.naive.begin();
    real.keep(undefined, real.ledger.begin());
  });
}

/** @param early whether it is acknowledged before a group could take it over */
function change(bytes: number, early: boolean): Step {
  return new Step(`change(${bytes}${early ? ', acknowledged' : ''})`, isInside, (model, real) => {
    const piece = model.naive.change(bytes);
    const entry = real.keep(piece, real.ledger.change(bytes));
    if (early) {
      piece.acked = true;
      expect(entry.settle()).toBe(true);
    }
    if (model.gathering) {
      piece.gathered = !early;
      entry.gather();
    }
  });
}

function commit(distance: bigint, bytes: number): Step {
  return new Step(`commit(+${distance}, ${bytes})`, isInside, (model, real) => {
    model.lsn += distance;
    const piece = model.naive.commit(model.lsn, bytes);
    const entry = real.keep(piece, real.ledger.commit(model.lsn, bytes));
    if (piece && model.gathering) real.keep(model.naive.group(), entry.group());
  });
}

/** It comes before its transaction's Begin, never inside one. */
function single(distance: bigint, bytes: number): Step {
  return new Step(`single(+${distance}, ${bytes})`, isBetween, (model, real) => {
    model.lsn += distance;
    real.keep(model.naive.message(model.lsn, bytes), real.ledger.single(model.lsn, bytes));
  });
}

function keepalive(distance: bigint): Step {
  return new Step(`keepalive(${distance})`, isReading, (model, real) => {
    const walEnd = model.lsn + distance;
    const keepalive = model.naive.keepalive(walEnd);
    real.last = model.naive.keeper === 'slot' ? real.ledger.nothing : real.ledger.keepalive(walEnd);
    real.keepalives.set(keepalive, real.last);
    real.ledger.progress(walEnd);
  });
}

/** A keepalive that is passed on as a delivery, as `transactions()` does where the consumer keeps the position. */
function progress(distance: bigint): Step {
  const check = (model: Model): boolean => isBetween(model) && model.naive.keeper === 'consumer';
  return new Step(`progress(${distance})`, check, (model, real) => {
    const walEnd = model.lsn + distance;
    real.keep(model.naive.message(walEnd, 0), real.ledger.keepalive(walEnd).group());
  });
}

function acknowledgeKeepalive(pick: number): Step {
  return new Step(
    `acknowledgeKeepalive(${pick})`,
    ({ naive }) => naive.keeper === 'consumer',
    (model, real) => {
      const [keepalive, entry] = [...real.keepalives][pick % real.keepalives.size] ?? [];
      if (!keepalive || !entry) return;
      keepalive.acked ||= !model.naive.closed;
      expect(entry.settle()).toBe(keepalive.acked);
    },
  );
}

/** Drops something, as an operator does, whether or not it is done already. */
function drop(pick: number): Step {
  return new Step(
    `drop(${pick})`,
    ({ naive }) => naive.items.length > 0,
    (model, real) => {
      const pieces = [...real.entries.keys()].filter((piece) => !piece.gathered);
      const piece = pieces[pick % pieces.length];
      if (!piece) return;
      real.entry(piece).discard();
      if (piece.acked) return;
      piece.acked = piece.dropped = model.naive.counts(piece);
    },
  );
}

/** Acknowledges something, done already or not. */
function acknowledge(pick: number): Step {
  return new Step(
    `acknowledge(${pick})`,
    ({ naive }) => naive.items.length > 0,
    (model, real) => {
      const pieces = [...real.entries.keys()].filter((piece) => !piece.gathered);
      const piece = pieces[pick % pieces.length];
      if (!piece) return;
      const counts = piece.acked || model.naive.counts(piece);
      expect(real.entry(piece).settle()).toBe(counts);
      piece.acked = counts;
    },
  );
}

/** Acknowledges the oldest that is left, so that positions move. */
function acknowledgeOldest(): Step {
  return new Step(
    'acknowledgeOldest',
    ({ naive }) => naive.messages > 0,
    (model, real) => {
      const piece = model.naive.waiting[0];
      if (!piece) return;
      const counts = model.naive.counts(piece);
      expect(real.entry(piece).settle()).toBe(counts);
      piece.acked = counts;
    },
  );
}

/** Begins what lies beyond a stop. */
function stopBefore(kind: 'begin' | 'single'): Step {
  return new Step(`stopBefore(${kind})`, isBetween, (model, real) => {
    const { naive } = model;
    naive.end = naive.items.length;
    model.stopped = true;
    if (kind === 'begin') {
      naive.begin();
      real.ledger.begin().stopBefore();
    } else {
      real.keep(naive.message(model.lsn + 1n, 7), real.ledger.single(model.lsn + 1n, 7)).stopBefore();
    }
    expect(real.told.at(-1)).toBe('stop');
  });
}

/** @param distance from the WAL's end, where the stop names a position */
function stopAfterLast(distance: bigint | undefined): Step {
  return new Step(`stopAfterLast(${distance})`, isBetween, (model, real) => {
    const { naive } = model;
    const upTo = distance === undefined ? undefined : model.lsn + distance;
    // Nobody acknowledges it, so it counts only where the slot keeps the position.
    if (upTo !== undefined) naive.keepalive(upTo);
    naive.end = naive.items.length;
    model.stopped = true;
    (real.last ?? real.ledger.nothing).stopAfter(upTo);
    expect(real.told.at(-1)).toBe('stop');
  });
}

function close(): Step {
  return new Step(
    'close',
    ({ naive }) => !naive.closed,
    (model, real) => {
      model.naive.closed = true;
      real.ledger.close();
    },
  );
}

const bytes = fc.integer({ min: 1, max: 60 });
const forward = fc.bigInt(1n, 100n);
const around = fc.bigInt(-150n, 300n);
const often = fc.nat(50);

const steps = [
  fc.boolean().map(begin),
  fc.tuple(bytes, fc.integer({ min: 0, max: 5 })).map(([bytes, dice]) => change(bytes, dice === 0)),
  bytes.map((bytes) => change(bytes, false)),
  fc.tuple(forward, bytes).map(([distance, bytes]) => commit(distance, bytes)),
  fc.tuple(forward, bytes).map(([distance, bytes]) => single(distance, bytes)),
  around.map(keepalive),
  around.map(progress),
  often.map(acknowledge),
  often.map(acknowledgeKeepalive),
  often.map(drop),
  fc.constant(acknowledgeOldest()),
  fc.constant(acknowledgeOldest()),
];
const ends = [
  fc.constantFrom('begin' as const, 'single' as const).map(stopBefore),
  fc.option(around, { nil: undefined }).map(stopAfterLast),
  fc.constant(close()),
];

const windows = fc.record({ messages: fc.integer({ min: 1, max: 8 }), bytes: fc.integer({ min: 1, max: 300 }) });

/** Mostly a stream that goes on; then, in some runs, its end, and what may still happen. */
const lives = fc.tuple(windows, fc.commands(steps, { maxCommands: 80, size: 'max' }));
const deaths = fc.tuple(
  windows,
  fc.commands([...steps, ...steps, ...steps, ...ends], { maxCommands: 60, size: 'max' }),
);

describe.each<PositionKeeper>(['slot', 'consumer'])('where the %s keeps the position, the ledger', (keeper) => {
  function play([limits, commands]: [WindowLimits, Iterable<fc.Command<Model, Real>>]): void {
    fc.modelRun(() => ({ model: new Model(limits, keeper), real: new Real(limits, keeper) }), commands);
  }

  it('agrees with a naive one while messages are delivered, gathered, dropped and acknowledged in any order', () => {
    fc.assert(fc.property(lives, play), { numRuns: 500 });
  });

  it('agrees with a naive one when it stops before or after a message, or closes, at any point', () => {
    fc.assert(fc.property(deaths, play), { numRuns: 500 });
  });
});
