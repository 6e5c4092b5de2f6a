/** What happens to a ledger: messages, acknowledgements, stops. */
import { placeStream, hasStream, pickStream } from './ledger-stream-steps';
import { isBetween, isInside, isReading, Step, type Model } from './ledger-model';

export function begin(gathering: boolean): Step {
  return new Step(`begin(${gathering ? 'gathered' : 'flat'})`, isBetween, (model, real) => {
    model.gathering = gathering;
    model.naive.begin();
    real.keep(undefined, real.ledger.begin());
  });
}

/** @param early whether it is acknowledged before a group could take it over */
export function change(bytes: number, early: boolean): Step {
  return new Step(`change(${bytes}${early ? ', acknowledged' : ''})`, isInside, (model, real) => {
    const piece = model.naive.change(bytes);
    const delivery = real.keep(piece, real.ledger.change(bytes));
    if (early) {
      piece.acked = true;
      expect(delivery.settle()).toBe(true);
    }
    if (model.gathering) {
      piece.gathered = !early;
      delivery.gather();
    }
  });
}

export function commit(distance: bigint, bytes: number): Step {
  return new Step(`commit(+${distance}, ${bytes})`, isInside, (model, real) => {
    model.lsn += distance;
    const piece = model.naive.commit(model.lsn, bytes);
    const delivery = real.keep(piece, real.ledger.commit(model.lsn, bytes));
    if (piece && model.gathering) real.keep(model.naive.group(), delivery.group());
  });
}

export function prepare(distance: bigint, bytes: number): Step {
  return new Step(`prepare(+${distance}, ${bytes})`, isInside, (model, real) => {
    model.lsn += distance;
    const xid = model.prepare();
    const delivery = real.keep(model.naive.prepare(model.lsn, bytes), real.ledger.prepare(xid, model.lsn, bytes));
    if (model.gathering) real.keep(model.naive.group(), delivery.group());
  });
}

/** Tells how one ended that was prepared, or one of which nothing is known: it was prepared before the stream began. */
export function endPrepared(pick: number, distance: bigint, bytes: number): Step {
  return new Step(`endPrepared(${pick}, +${distance}, ${bytes})`, isBetween, (model, real) => {
    const xids = [...model.prepared.keys()];
    const xid = xids[pick % (xids.length + 1)] ?? 1;
    const item = model.prepared.get(xid) ?? -1;
    model.prepared.delete(xid);
    model.lsn += distance;
    const piece = model.naive.endPrepared(item, model.lsn, bytes);
    real.keep(piece, real.ledger.endPrepared(xid, model.lsn, bytes));
  });
}

/** It comes before its transaction's Begin, never inside one. */
export function single(distance: bigint, bytes: number): Step {
  return new Step(`single(+${distance}, ${bytes})`, isBetween, (model, real) => {
    model.lsn += distance;
    real.keep(model.naive.message(model.lsn, bytes), real.ledger.openStandaloneUnit(model.lsn, bytes));
  });
}

export function keepalive(distance: bigint): Step {
  return new Step(`keepalive(${distance})`, isReading, (model, real) => {
    const walEnd = model.lsn + distance;
    const keepalive = model.naive.keepalive(walEnd);
    real.last = model.naive.owner === 'slot' ? real.ledger.openSettled() : real.ledger.openKeepalive(walEnd);
    real.keepalives.set(keepalive, real.last);
    real.ledger.recordDelivered(walEnd);
  });
}

/** A keepalive that is passed on as a delivery, as `transactions()` does where the consumer keeps the position. */
export function progress(distance: bigint): Step {
  const check = (model: Model): boolean => isBetween(model) && model.naive.owner === 'consumer';
  return new Step(`progress(${distance})`, check, (model, real) => {
    const walEnd = model.lsn + distance;
    real.keep(model.naive.message(walEnd, 0), real.ledger.openKeepalive(walEnd).group());
  });
}

export function acknowledgeKeepalive(pick: number): Step {
  return new Step(
    `acknowledgeKeepalive(${pick})`,
    ({ naive }) => naive.owner === 'consumer',
    (model, real) => {
      const [keepalive, delivery] = [...real.keepalives][pick % real.keepalives.size] ?? [];
      if (!keepalive || !delivery) return;
      keepalive.acked ||= !model.naive.closed;
      expect(delivery.settle()).toBe(keepalive.acked);
    },
  );
}

/** Drops something, as an operator does, whether or not it is done already. */
export function drop(pick: number): Step {
  return new Step(
    `drop(${pick})`,
    ({ naive }) => naive.items.length + naive.streams.size > 0,
    (model, real) => {
      const pieces = [...real.deliveries.keys()].filter((piece) => !piece.gathered);
      const piece = pieces[pick % pieces.length];
      if (!piece) return;
      real.getDelivery(piece).discard();
      if (piece.acked) return;
      piece.acked = piece.dropped = model.naive.counts(piece);
    },
  );
}

/** Acknowledges something, done already or not. */
export function acknowledge(pick: number): Step {
  return new Step(
    `acknowledge(${pick})`,
    ({ naive }) => naive.items.length + naive.streams.size > 0,
    (model, real) => {
      const pieces = [...real.deliveries.keys()].filter((piece) => !piece.gathered);
      const piece = pieces[pick % pieces.length];
      if (!piece) return;
      const counts = piece.acked || model.naive.counts(piece);
      expect(real.getDelivery(piece).settle()).toBe(counts);
      piece.acked = counts;
    },
  );
}

/** Acknowledges the oldest that is left, so that positions move. */
export function acknowledgeOldest(): Step {
  return new Step(
    'acknowledgeOldest',
    ({ naive }) => naive.messages > 0,
    (model, real) => {
      const piece = model.naive.waiting[0];
      if (!piece) return;
      const counts = model.naive.counts(piece);
      expect(real.getDelivery(piece).settle()).toBe(counts);
      piece.acked = counts;
    },
  );
}

/** Begins what lies beyond a stop. */
export function stopBefore(kind: 'begin' | 'single' | 'commit' | 'prepare'): Step {
  const check = (model: Model): boolean =>
    isBetween(model) && (kind === 'begin' || kind === 'single' || hasStream(model));
  return new Step(`stopBefore(${kind})`, check, (model, real) => {
    const { naive } = model;
    naive.end = naive.items.length;
    model.stopped = true;
    if (kind === 'commit' || kind === 'prepare') {
      real.ledger.stopBefore(placeStream(kind, pickStream(model, 0), 1n, 7, model, real)[1]);
    } else if (kind === 'begin') {
      naive.begin();
      real.ledger.stopBefore(real.ledger.begin());
    } else {
      const piece = naive.message(model.lsn + 1n, 7);
      real.ledger.stopBefore(real.keep(piece, real.ledger.openStandaloneUnit(model.lsn + 1n, 7)));
    }
    expect(real.events.at(-1)).toBe('stop');
  });
}

/** @param distance from the WAL's end, where the stop names a position */
export function stopAfterLast(distance: bigint | undefined): Step {
  return new Step(`stopAfterLast(${distance})`, isBetween, (model, real) => {
    const { naive } = model;
    const upTo = distance === undefined ? undefined : model.lsn + distance;
    // Nobody acknowledges it, so it counts only where the slot keeps the position.
    if (upTo !== undefined) naive.keepalive(upTo);
    naive.end = naive.items.length;
    model.stopped = true;
    real.ledger.stopAfter(real.last ?? real.ledger.openSettled(), upTo);
    expect(real.events.at(-1)).toBe('stop');
  });
}

export function close(): Step {
  return new Step(
    'close',
    ({ naive }) => !naive.closed,
    (model, real) => {
      model.naive.closed = true;
      real.ledger.close();
    },
  );
}
