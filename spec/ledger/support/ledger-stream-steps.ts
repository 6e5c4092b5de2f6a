/** What happens to transactions that come in blocks. */

import type { LedgerDelivery } from './delivering-ledger';
import { isBetween, isInBlock, Step, type Model, type Real } from './ledger-model';
import type { Piece } from './naive-ledger';

export function enterBlock(xid: number, gathering: boolean): Step {
  return new Step(`enterBlock(${xid}, ${gathering ? 'gathered' : 'flat'})`, isBetween, (model, real) => {
    if (!model.naive.streams.has(xid)) {
      model.gathered.delete(xid);
      if (gathering) model.gathered.add(xid);
    }
    model.xid = xid;
    model.naive.enterBlock(xid);
    real.keep(undefined, real.ledger.enterBlock(xid));
  });
}

/** @param sub which of its subtransactions makes the change; 0: none */
export function streamed(bytes: number, sub: number, early: boolean): Step {
  return new Step(`streamed(${bytes}, ${sub}${early ? ', acknowledged' : ''})`, isInBlock, (model, real) => {
    const xid = model.xid + sub;
    const piece = model.naive.change(bytes, xid);
    const delivery = real.keep(piece, real.ledger.change(bytes, xid));
    if (early) {
      piece.acked = true;
      expect(delivery.settle()).toBe(true);
    }
    if (model.gathered.has(model.xid)) {
      piece.gathered = !early;
      delivery.gather();
    }
  });
}

export function leaveBlock(): Step {
  return new Step('leaveBlock', isInBlock, (model, real) => {
    model.naive.leaveBlock();
    real.keep(undefined, real.ledger.leaveBlock());
  });
}

/** @param sub 0: the whole transaction */
export function abort(pick: number, sub: number): Step {
  const check = (model: Model): boolean => isBetween(model) && model.naive.streams.size > 0;
  return new Step(`abort(${pick}, ${sub})`, check, (model, real) => {
    const xid = pickStream(model, pick);
    model.naive.abort(xid, xid + sub);
    real.keep(undefined, real.ledger.abortStream(xid, xid + sub));
  });
}

/** The end of what came in blocks: it takes its place. */
export function endStream(
  kind: 'commit' | 'prepare',
  pick: number,
  distance: bigint,
  bytes: number,
  held: number,
): Step {
  const check = (model: Model): boolean => isBetween(model) && model.naive.streams.size > 0;
  return new Step(`${kind}Stream(${pick}, +${distance}, ${bytes}, ${held})`, check, (model, real) => {
    const xid = pickStream(model, pick);
    const [piece, delivery] = placeStream(kind, xid, distance, bytes, model, real);
    if (piece && model.gathered.has(xid)) real.keep(model.naive.group(held), delivery.group(held));
  });
}

export function placeStream(
  kind: 'commit' | 'prepare',
  xid: number,
  distance: bigint,
  bytes: number,
  model: Model,
  { ledger, keep }: Pick<Real, 'ledger' | 'keep'>,
): [Piece | undefined, LedgerDelivery] {
  model.lsn += distance;
  model.naive.place(xid);
  if (kind === 'prepare') {
    const piece = model.naive.prepare(model.lsn, bytes);
    model.prepared.set(xid, model.naive.items.length - 1);
    return [piece, keep(piece, ledger.prepareStream(xid, model.lsn, bytes))];
  }
  const piece = model.naive.commit(model.lsn, bytes, true);
  return [piece, keep(piece, ledger.commitStream(xid, model.lsn, bytes))];
}

export function pickStream({ naive }: Model, pick: number): number {
  return [...naive.streams.keys()][pick % naive.streams.size] ?? 0;
}

/** Acknowledges something of what is still open. */
export function acknowledgeStreamed(pick: number): Step {
  return new Step(
    `acknowledgeStreamed(${pick})`,
    ({ naive }) => naive.streams.size > 0,
    (model, real) => {
      const pieces = [...model.naive.streams.values()].flatMap(({ changes }) => changes).filter((one) => !one.gathered);
      const piece = pieces[pick % pieces.length];
      if (!piece) return;
      const counts = piece.acked || model.naive.counts(piece);
      expect(real.getDelivery(piece).settle()).toBe(counts);
      piece.acked = counts;
    },
  );
}

export function hasStream({ naive }: Model): boolean {
  return naive.streams.size > 0;
}
