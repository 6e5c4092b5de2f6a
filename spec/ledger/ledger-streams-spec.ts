import type { DeliveringLedger as Ledger, LedgerDelivery } from './support/delivering-ledger';
import type { WindowLimits } from '../../lib/ledger/window';
import { createLedger } from './support/create-ledger';

/** Wide enough that no spec meets it by accident. */
const WIDE: WindowLimits = { messages: 1000, bytes: 1_000_000 };

/** A block of so many changes of 10 bytes. */
function block(ledger: Ledger, xid: number, changes = 1, subxid = xid): LedgerDelivery[] {
  ledger.enterBlock(xid);
  const deliveries = Array.from({ length: changes }, () => ledger.change(10, subxid));
  ledger.leaveBlock();
  return deliveries;
}

/** A transaction of one piece, with one change. */
function transaction(ledger: Ledger, endLsn: bigint): LedgerDelivery[] {
  ledger.begin();
  return [ledger.change(10), ledger.commit(endLsn, 10)];
}

/** A prepared transaction of one piece. */
function prepared(ledger: Ledger, endLsn: bigint, changes = 1, xid = 9): LedgerDelivery[] {
  ledger.begin();
  const deliveries = Array.from({ length: changes }, () => ledger.change(10));
  return [...deliveries, ledger.prepare(xid, endLsn, 10)];
}

function settle(deliveries: readonly LedgerDelivery[]): void {
  for (const delivery of deliveries) expect(delivery.settle()).toBe(true);
}

describe('a transaction that comes in blocks', () => {
  it('holds nothing up while it is open', () => {
    const { ledger } = createLedger(WIDE);
    block(ledger, 7, 3);
    expect([ledger.settled, ledger.stalled, ledger.unackedMessages]).toEqual([true, undefined, 3]);
    settle(transaction(ledger, 100n));
    expect([ledger.confirmed, ledger.settled]).toEqual([100n, true]);
    ledger.openStandaloneUnit(110n, 1).settle();
    ledger.recordDelivered(200n);
    expect(ledger.confirmed).toBe(200n);
  });

  it('takes its place when it is committed', () => {
    const { ledger } = createLedger(WIDE);
    const changes = block(ledger, 7, 2);
    const before = transaction(ledger, 100n);
    const commit = ledger.commitStream(7, 200n, 10);
    const after = transaction(ledger, 300n);
    settle(after);
    expect(ledger.confirmed).toBe(0n);
    settle(before);
    expect(ledger.confirmed).toBe(100n);
    settle([...changes, commit]);
    expect([ledger.confirmed, ledger.settled]).toEqual([300n, true]);
  });

  it('takes that place also where its changes are done long before', () => {
    const { ledger } = createLedger(WIDE);
    settle(block(ledger, 7, 2));
    expect([ledger.confirmed, ledger.unackedMessages]).toEqual([0n, 0]);
    const before = transaction(ledger, 100n);
    ledger.commitStream(7, 200n, 10).settle();
    expect(ledger.confirmed).toBe(0n);
    settle(before);
    expect(ledger.confirmed).toBe(200n);
  });

  it('is confirmed in the order of the commits, however the blocks take turns', () => {
    const { ledger } = createLedger(WIDE);
    const seven = [...block(ledger, 7)];
    const eight = [...block(ledger, 8)];
    seven.push(...block(ledger, 7));
    eight.push(...block(ledger, 8), ledger.commitStream(8, 100n, 10));
    seven.push(...block(ledger, 7), ledger.commitStream(7, 200n, 10));
    settle(seven);
    expect(ledger.confirmed).toBe(0n);
    settle(eight);
    expect(ledger.confirmed).toBe(200n);
  });

  it('needs every change and the commit', () => {
    const { ledger } = createLedger(WIDE);
    const [first, second] = block(ledger, 7, 2);
    const commit = ledger.commitStream(7, 100n, 10);
    const positions = [second, commit, first].map((delivery) => {
      delivery?.settle();
      return ledger.confirmed;
    });
    expect(positions).toEqual([0n, 0n, 100n]);
  });

  it('is to be settled even when it is empty: a stop may come before its commit', () => {
    const { ledger } = createLedger(WIDE);
    block(ledger, 7, 0);
    const commit = ledger.commitStream(7, 100n, 10);
    expect([ledger.confirmed, ledger.unackedMessages]).toEqual([0n, 1]);
    commit.settle();
    expect([ledger.confirmed, ledger.unackedMessages]).toEqual([100n, 0]);
    block(ledger, 8, 0);
    ledger.stopBefore(ledger.commitStream(8, 300n, 10), 200n);
    expect(ledger.confirmed).toBe(200n);
  });

  it('has blocks and their ends that need no settling', () => {
    const { ledger } = createLedger(WIDE);
    const deliveries = [ledger.enterBlock(7), ledger.leaveBlock(), ledger.abortStream(7, 8), ledger.abortStream(9, 9)];
    settle(deliveries);
    expect([ledger.unackedMessages, ledger.confirmed]).toEqual([0, 0n]);
  });

  it('leaves a message outside any transaction where it came, even between its blocks', () => {
    const { ledger } = createLedger(WIDE);
    const changes = block(ledger, 7);
    const message = ledger.openStandaloneUnit(50n, 1);
    const commit = ledger.commitStream(7, 100n, 10);
    settle([...changes, commit]);
    expect(ledger.confirmed).toBe(0n);
    message.settle();
    expect(ledger.confirmed).toBe(100n);
  });

  it('may use the xid of one that has ended', () => {
    const { ledger } = createLedger(WIDE);
    const first = [...block(ledger, 7), ledger.commitStream(7, 100n, 10)];
    const second = [...block(ledger, 7), ledger.commitStream(7, 200n, 10)];
    settle(second);
    expect(ledger.confirmed).toBe(0n);
    settle(first);
    expect(ledger.confirmed).toBe(200n);
  });

  it('is named where it fills the window: nothing more can be read, its end neither', () => {
    const { ledger } = createLedger({ messages: 4, bytes: 1_000_000 });
    const [seven] = block(ledger, 7);
    const eight = block(ledger, 8, 2);
    expect(ledger.stalled).toBeUndefined();
    const before = transaction(ledger, 100n);
    expect([ledger.isFull(), ledger.stalled?.reason]).toEqual([true, 'commit and 1 change not acknowledged']);
    settle(before);
    const reason = 'not acknowledged, of a transaction whose commit is not received yet';
    expect([ledger.isFull(), ledger.stalled]).toMatchObject([true, { index: 0, reason: `1 change ${reason}` }]);
    const first = ledger.stalled?.handle;
    seven?.settle();
    expect([ledger.isFull(), ledger.stalled]).toEqual([false, undefined]);
    block(ledger, 8, 2);
    expect(ledger.stalled).toMatchObject({ index: 0, reason: `4 changes ${reason}` });
    expect(ledger.stalled?.handle).not.toBe(first);
    settle(eight);
    expect(ledger.stalled).toBeUndefined();
  });

  it('beyond a stop is not named, however full the window is', () => {
    const { ledger } = createLedger({ messages: 2, bytes: 1_000_000 });
    block(ledger, 7, 2);
    expect(ledger.stalled?.index).toBe(0);
    ledger.stopAfter(ledger.openSettled());
    expect([ledger.isFull(), ledger.stalled, ledger.settled]).toEqual([true, undefined, true]);
  });

  it('fills the window like all else, and frees it', () => {
    const { ledger, events } = createLedger({ messages: 4, bytes: 1_000_000 });
    const changes = [...block(ledger, 7, 2), ...block(ledger, 8, 2)];
    expect(ledger.isFull()).toBe(true);
    settle(changes.slice(0, 2));
    expect([ledger.isFull(), events]).toEqual([false, ['windowReopened']]);
  });

  it('weighs nothing while it is gathered, and then what of it is in memory', () => {
    const { ledger } = createLedger({ messages: 3, bytes: 100 });
    for (const delivery of [...block(ledger, 7, 50), ...block(ledger, 7, 50)]) delivery.gather();
    expect([ledger.isFull(), ledger.unackedMessages, ledger.unackedBytes]).toEqual([false, 0, 0]);
    const group = ledger.commitStream(7, 100n, 10).group(64);
    expect([ledger.unackedMessages, ledger.unackedBytes, ledger.confirmed]).toEqual([1, 74, 0n]);
    settle([group]);
    expect([ledger.unackedMessages, ledger.unackedBytes, ledger.confirmed]).toEqual([0, 0, 100n]);
  });

  it('is named as what holds up the slot only once it has its place', () => {
    const { ledger } = createLedger(WIDE);
    const [change] = block(ledger, 7);
    const before = transaction(ledger, 100n);
    expect(ledger.stalled?.reason).toBe('commit and 1 change not acknowledged');
    settle(before);
    expect(ledger.stalled).toBeUndefined();
    const commit = ledger.commitStream(7, 200n, 10);
    expect(ledger.stalled).toMatchObject({ index: 0, reason: 'commit and 1 change not acknowledged' });
    commit.settle();
    expect(ledger.stalled?.reason).toBe('commit acknowledged, 1 change not');
    change?.settle();
    expect(ledger.stalled).toBeUndefined();
  });
});

describe('what is aborted', () => {
  it('needs no settling, as a whole', () => {
    const { ledger, events } = createLedger({ messages: 2, bytes: 1_000_000 });
    const changes = block(ledger, 7, 2);
    expect(ledger.isFull()).toBe(true);
    ledger.abortStream(7, 7);
    expect([ledger.unackedMessages, ledger.unackedBytes, ledger.isFull(), ledger.settled]).toEqual([0, 0, false, true]);
    expect(events).toEqual(['windowReopened']);
    settle(changes);
    expect([ledger.unackedMessages, ledger.confirmed]).toEqual([0, 0n]);
  });

  it('needs no settling, as a subtransaction, and the rest does', () => {
    const { ledger } = createLedger(WIDE);
    const kept = block(ledger, 7, 1);
    const aborted = block(ledger, 7, 2, 8);
    const other = block(ledger, 9, 1);
    ledger.abortStream(7, 8);
    expect(ledger.unackedMessages).toBe(2);
    const commit = ledger.commitStream(7, 100n, 10);
    settle([commit, ...aborted]);
    expect(ledger.confirmed).toBe(0n);
    settle(kept);
    expect(ledger.confirmed).toBe(100n);
    settle(other);
  });

  it('leaves alone what an equal subtransaction of another transaction has done', () => {
    const { ledger } = createLedger(WIDE);
    block(ledger, 7, 1, 8);
    block(ledger, 9, 1, 8);
    ledger.abortStream(7, 8);
    expect(ledger.unackedMessages).toBe(1);
  });

  it('may have been settled before', () => {
    const { ledger } = createLedger(WIDE);
    const [first] = block(ledger, 7, 2);
    first?.settle();
    ledger.abortStream(7, 7);
    expect([ledger.unackedMessages, ledger.unackedBytes]).toEqual([0, 0]);
  });

  it('may have been gathered', () => {
    const { ledger } = createLedger(WIDE);
    for (const delivery of [...block(ledger, 7, 2), ...block(ledger, 7, 1, 8)]) delivery.gather();
    ledger.abortStream(7, 8);
    const group = ledger.commitStream(7, 100n, 10).group(20);
    expect(ledger.unackedBytes).toBe(30);
    settle([group]);
    expect([ledger.confirmed, ledger.settled]).toEqual([100n, true]);
    for (const delivery of block(ledger, 9, 2)) delivery.gather();
    ledger.abortStream(9, 9);
    expect([ledger.settled, ledger.unackedMessages]).toEqual([true, 0]);
  });

  it('may be all that there was: then the commit is what is left', () => {
    const { ledger } = createLedger(WIDE);
    block(ledger, 7, 2, 8);
    ledger.abortStream(7, 8);
    const commit = ledger.commitStream(7, 100n, 10);
    expect([ledger.confirmed, ledger.stalled?.reason]).toEqual([0n, 'all changes acknowledged, their commit not']);
    commit.settle();
    expect(ledger.confirmed).toBe(100n);
  });

  it('may be all that was gathered: then whoever gathered it drops the group', () => {
    const { ledger } = createLedger(WIDE);
    for (const delivery of block(ledger, 7, 2, 8)) delivery.gather();
    ledger.abortStream(7, 8);
    ledger.commitStream(7, 100n, 10).group(0).discard();
    expect([ledger.confirmed, ledger.settled, ledger.unackedMessages]).toEqual([100n, true, 0]);
  });
});

describe('a prepared transaction', () => {
  it('is confirmed at its prepare, once that and all changes are settled', () => {
    const { ledger } = createLedger(WIDE);
    const [change, prepare] = prepared(ledger, 100n);
    prepare?.settle();
    expect(ledger.confirmed).toBe(0n);
    change?.settle();
    expect(ledger.confirmed).toBe(100n);
    const end = ledger.openStandaloneUnit(200n, 10);
    expect(ledger.confirmed).toBe(100n);
    end.settle();
    expect(ledger.confirmed).toBe(200n);
  });

  it('has to be settled even when it is empty: the message that ends it is delivered, too', () => {
    const { ledger } = createLedger(WIDE);
    const [prepare] = prepared(ledger, 100n, 0);
    expect([ledger.confirmed, ledger.unackedMessages]).toEqual([0n, 1]);
    expect(ledger.stalled?.reason).toBe('a prepared transaction is not acknowledged');
    prepare?.settle();
    expect(ledger.confirmed).toBe(100n);
  });

  it('fills the window until it is complete, and not from then on', () => {
    const { ledger, events } = createLedger({ messages: 3, bytes: 1_000_000 });
    ledger.begin();
    const changes = [ledger.change(10), ledger.change(10), ledger.change(10)];
    expect(ledger.isFull()).toBe(true);
    const prepare = ledger.prepare(9, 100n, 10);
    expect([ledger.isFull(), events]).toEqual([false, ['windowReopened']]);
    expect([ledger.unackedMessages, ledger.unackedBytes]).toEqual([4, 40]);
    settle([...changes, prepare]);
    expect([ledger.unackedMessages, ledger.unackedBytes, ledger.confirmed]).toEqual([0, 0, 100n]);
    expect(events.filter((event) => event === 'windowReopened')).toHaveLength(1);
  });

  it('leaves room for all that comes behind it, however many are held', () => {
    const { ledger } = createLedger({ messages: 2, bytes: 30 });
    const held = Array.from({ length: 10 }, (_, i) => prepared(ledger, 100n + BigInt(i), 0)).flat();
    expect([ledger.isFull(), ledger.unackedMessages]).toEqual([false, 10]);
    const one = ledger.openStandaloneUnit(200n, 10);
    expect(ledger.isFull()).toBe(false);
    const other = ledger.openStandaloneUnit(210n, 10);
    expect(ledger.isFull()).toBe(true);
    settle([one, other]);
    expect([ledger.isFull(), ledger.confirmed]).toEqual([false, 0n]);
    settle(held);
    expect(ledger.confirmed).toBe(210n);
  });

  it('is in the window again once its end is known: nobody has to hold it any more', () => {
    const { ledger, events } = createLedger({ messages: 4, bytes: 1_000_000 });
    const first = prepared(ledger, 100n, 1, 8);
    const second = prepared(ledger, 110n, 1, 9);
    const third = block(ledger, 7, 1);
    third.push(ledger.prepareStream(7, 120n, 10));
    expect(ledger.isFull()).toBe(false);
    const end = ledger.endPrepared(9, 200n, 10);
    expect([ledger.isFull(), ledger.unackedMessages]).toEqual([false, 7]);
    const other = ledger.endPrepared(7, 210n, 10);
    expect([ledger.isFull(), ledger.unackedMessages, events]).toEqual([true, 8, []]);
    settle([...second, ...third]);
    expect([ledger.isFull(), events]).toEqual([false, ['windowReopened']]);
    settle([...first, end, other]);
    expect([ledger.unackedMessages, ledger.unackedBytes, ledger.confirmed]).toEqual([0, 0, 210n]);
  });

  it('may have been prepared before the stream began, or be done as it ends', () => {
    const { ledger } = createLedger({ messages: 2, bytes: 30 });
    settle([ledger.endPrepared(9, 100n, 10)]);
    settle([...prepared(ledger, 200n), ledger.endPrepared(9, 300n, 29)]);
    expect([ledger.isFull(), ledger.unackedBytes, ledger.confirmed]).toEqual([false, 0, 300n]);
  });

  it('keeps out of the window when it is gathered, too', () => {
    const { ledger } = createLedger({ messages: 1, bytes: 10 });
    ledger.begin();
    ledger.change(1000).gather();
    const group = ledger.prepare(9, 100n, 10).group();
    expect([ledger.isFull(), ledger.unackedMessages, ledger.unackedBytes]).toEqual([false, 1, 1010]);
    expect(ledger.stalled?.reason).toBe('a prepared transaction is not acknowledged');
    settle([group]);
    expect([ledger.isFull(), ledger.confirmed, ledger.unackedBytes]).toEqual([false, 100n, 0]);
    expect(ledger.openStandaloneUnit(200n, 9).settle()).toBe(true);
  });

  it('takes its place at the prepare when it comes in blocks', () => {
    const { ledger } = createLedger({ messages: 4, bytes: 1_000_000 });
    const changes = block(ledger, 7, 2);
    const before = transaction(ledger, 100n);
    expect(ledger.isFull()).toBe(true);
    const prepare = ledger.prepareStream(7, 200n, 10);
    expect(ledger.isFull()).toBe(false);
    settle([prepare, ...changes]);
    expect(ledger.confirmed).toBe(0n);
    settle(before);
    expect(ledger.confirmed).toBe(200n);
  });

  it('holds up what comes behind it, as all does: the slot confirms no more', () => {
    const { ledger } = createLedger(WIDE);
    const held = prepared(ledger, 100n);
    settle(transaction(ledger, 200n));
    ledger.recordDelivered(300n);
    expect(ledger.confirmed).toBe(0n);
    settle(held);
    expect(ledger.confirmed).toBe(300n);
  });
});

describe('a keepalive while blocks are open', () => {
  it('is confirmed when all that has its place is done: an open stream commits behind it', () => {
    const { ledger } = createLedger(WIDE);
    block(ledger, 7, 2);
    ledger.recordDelivered(50n);
    expect(ledger.confirmed).toBe(50n);
    const before = transaction(ledger, 100n);
    ledger.recordDelivered(150n);
    expect(ledger.confirmed).toBe(50n);
    settle(before);
    expect(ledger.confirmed).toBe(150n);
  });

  it('is not confirmed by what the transaction did before it, once that is committed behind it', () => {
    const { ledger } = createLedger(WIDE);
    const changes = block(ledger, 7);
    const before = transaction(ledger, 100n);
    ledger.recordDelivered(150n);
    const commit = ledger.commitStream(7, 200n, 10);
    settle([...changes, commit]);
    expect(ledger.confirmed).toBe(0n);
    settle(before);
    expect(ledger.confirmed).toBe(200n);
  });
});

describe('a stop with streams open', () => {
  it('leaves what is open unsettled for ever, and waits for nothing of it', () => {
    const { ledger, events } = createLedger(WIDE);
    const open = block(ledger, 7, 2);
    const done = transaction(ledger, 100n);
    if (done[1]) ledger.stopAfter(done[1]);
    expect([events.at(-1), ledger.settled]).toEqual(['stop', false]);
    settle(done);
    expect([ledger.settled, ledger.confirmed]).toEqual([true, 100n]);
    expect(open.map((delivery) => delivery.settle())).toEqual([false, false]);
    expect(ledger.confirmed).toBe(100n);
  });

  it('before a commit leaves it, its changes and all that follows unconfirmed', () => {
    const { ledger } = createLedger(WIDE);
    const changes = block(ledger, 7, 2);
    const before = transaction(ledger, 100n);
    const commit = ledger.commitStream(7, 200n, 10);
    ledger.stopBefore(commit, 150n);
    expect([...changes, commit].map((delivery) => delivery.settle())).toEqual([false, false, false]);
    settle(before);
    expect([ledger.confirmed, ledger.settled]).toEqual([150n, true]);
  });

  it('after a commit takes its changes in', () => {
    const { ledger } = createLedger(WIDE);
    const changes = block(ledger, 7, 2);
    const commit = ledger.commitStream(7, 200n, 10);
    const beyond = block(ledger, 8);
    ledger.stopAfter(commit, 250n);
    settle([commit, ...changes]);
    expect([ledger.confirmed, ledger.settled, beyond[0]?.settle()]).toEqual([250n, true, false]);
  });

  it('before a prepare leaves it unconfirmed, and before what ends it that', () => {
    for (const isStream of [true, false]) {
      const { ledger } = createLedger(WIDE);
      let changes: LedgerDelivery[];
      if (isStream) changes = block(ledger, 7);
      else {
        ledger.begin();
        changes = [ledger.change(10)];
      }
      const prepare = isStream ? ledger.prepareStream(7, 100n, 10) : ledger.prepare(9, 100n, 10);
      const end = ledger.openStandaloneUnit(200n, 10);
      ledger.stopBefore(end);
      expect(end.settle()).toBe(false);
      settle([...changes, prepare]);
      expect(ledger.confirmed).toBe(100n);
      ledger.stopBefore(prepare);
      expect(ledger.settled).toBe(true);
    }
  });

  it('at a change, or the end of a block, of what is open is one behind all that has its place', () => {
    const { ledger } = createLedger(WIDE);
    const done = transaction(ledger, 100n);
    const [change] = block(ledger, 7);
    if (change) ledger.stopAfter(change, 120n);
    expect(change?.settle()).toBe(false);
    settle(done);
    expect([ledger.confirmed, ledger.settled]).toEqual([120n, true]);
  });

  it('ends it once the session closes: nothing of it can be settled', () => {
    const { ledger } = createLedger(WIDE);
    const changes = block(ledger, 7, 2);
    ledger.close();
    expect(changes.map((delivery) => delivery.settle())).toEqual([false, false]);
    expect(ledger.confirmed).toBe(0n);
  });
});

describe('where the consumer keeps the position', () => {
  it('what comes in blocks is confirmed by what the subscriber settles', () => {
    const { ledger } = createLedger(WIDE, 'consumer');
    for (const delivery of [...block(ledger, 7), ledger.commitStream(7, 100n, 10)]) delivery.discard();
    expect([ledger.confirmed, ledger.settled]).toEqual([0n, true]);
    settle([...block(ledger, 8), ledger.commitStream(8, 200n, 10)]);
    expect(ledger.confirmed).toBe(200n);
  });

  it('an empty one, and what was aborted altogether, confirms nothing by itself', () => {
    const { ledger } = createLedger(WIDE, 'consumer');
    block(ledger, 7, 0);
    ledger.commitStream(7, 100n, 10).discard();
    for (const delivery of block(ledger, 8, 1)) delivery.gather();
    ledger.abortStream(8, 8);
    expect([ledger.confirmed, ledger.settled]).toEqual([0n, true]);
    for (const delivery of block(ledger, 9, 1, 10)) delivery.gather();
    ledger.abortStream(9, 10);
    ledger.commitStream(9, 200n, 10).group(0).discard();
    expect([ledger.confirmed, ledger.settled]).toEqual([0n, true]);
  });
});
