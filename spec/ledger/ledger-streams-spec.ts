import type { DeliveringLedger as Ledger, LedgerDelivery } from './support/delivering-ledger';
import type { WindowLimits } from '../../lib/ledger/window';
import { createLedger } from './support/create-ledger';

/** Too large to be filled by these specs. */
const WIDE: WindowLimits = { messages: 1000, bytes: 1_000_000 };

/** A block of `changes` changes of 10 bytes each. */
function block(ledger: Ledger, xid: number, changes = 1, subxid = xid): LedgerDelivery[] {
  ledger.enterBlock(xid);
  const deliveries = Array.from({ length: changes }, () => ledger.change(10, subxid));
  ledger.leaveBlock();
  return deliveries;
}

/** A transaction that is not streamed, with one change. */
function transaction(ledger: Ledger, endLsn: bigint): LedgerDelivery[] {
  ledger.begin();
  return [ledger.change(10), ledger.commit(endLsn, 10)];
}

/** A prepared transaction that is not streamed. */
function prepared(ledger: Ledger, endLsn: bigint, changes = 1, xid = 9): LedgerDelivery[] {
  ledger.begin();
  const deliveries = Array.from({ length: changes }, () => ledger.change(10));
  return [...deliveries, ledger.prepare(xid, endLsn, 10)];
}

function settle(deliveries: readonly LedgerDelivery[]): void {
  for (const delivery of deliveries) expect(delivery.settle()).toBe(true);
}

describe('a streamed transaction', () => {
  it('does not delay confirmation while it is open', () => {
    const { ledger } = createLedger(WIDE);
    block(ledger, 7, 3);
    expect([ledger.settled, ledger.stalled, ledger.unackedMessages]).toEqual([true, undefined, 3]);
    settle(transaction(ledger, 100n));
    expect([ledger.confirmed, ledger.settled]).toEqual([100n, true]);
    ledger.openStandaloneUnit(110n, 1).settle();
    ledger.recordDelivered(200n);
    expect(ledger.confirmed).toBe(200n);
  });

  it('is confirmed in the order of its commit', () => {
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

  it('is confirmed in the order of its commit, even if its changes were settled long before', () => {
    const { ledger } = createLedger(WIDE);
    settle(block(ledger, 7, 2));
    expect([ledger.confirmed, ledger.unackedMessages]).toEqual([0n, 0]);
    const before = transaction(ledger, 100n);
    ledger.commitStream(7, 200n, 10).settle();
    expect(ledger.confirmed).toBe(0n);
    settle(before);
    expect(ledger.confirmed).toBe(200n);
  });

  it('is confirmed in the order of the commits, however the blocks are interleaved', () => {
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

  it('is confirmed when every change and the commit are settled', () => {
    const { ledger } = createLedger(WIDE);
    const [first, second] = block(ledger, 7, 2);
    const commit = ledger.commitStream(7, 100n, 10);
    const positions = [second, commit, first].map((delivery) => {
      delivery?.settle();
      return ledger.confirmed;
    });
    expect(positions).toEqual([0n, 0n, 100n]);
  });

  it('has to be settled even when it is empty, as a stop may come before its commit', () => {
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

  it('has StreamStart and StreamStop messages that need no settling', () => {
    const { ledger } = createLedger(WIDE);
    const deliveries = [ledger.enterBlock(7), ledger.leaveBlock(), ledger.abortStream(7, 8), ledger.abortStream(9, 9)];
    settle(deliveries);
    expect([ledger.unackedMessages, ledger.confirmed]).toEqual([0, 0n]);
  });

  it('does not affect the order of a message outside transactions between its blocks', () => {
    const { ledger } = createLedger(WIDE);
    const changes = block(ledger, 7);
    const message = ledger.openStandaloneUnit(50n, 1);
    const commit = ledger.commitStream(7, 100n, 10);
    settle([...changes, commit]);
    expect(ledger.confirmed).toBe(0n);
    message.settle();
    expect(ledger.confirmed).toBe(100n);
  });

  it('may have the xid of one that has ended', () => {
    const { ledger } = createLedger(WIDE);
    const first = [...block(ledger, 7), ledger.commitStream(7, 100n, 10)];
    const second = [...block(ledger, 7), ledger.commitStream(7, 200n, 10)];
    settle(second);
    expect(ledger.confirmed).toBe(0n);
    settle(first);
    expect(ledger.confirmed).toBe(200n);
  });

  it('is the reason of a stall when it fills the window, as its end cannot be read then', () => {
    const { ledger } = createLedger({ messages: 4, bytes: 1_000_000 });
    const [seven] = block(ledger, 7);
    const eight = block(ledger, 8, 2);
    expect(ledger.stalled).toBeUndefined();
    const before = transaction(ledger, 100n);
    expect([ledger.isFull(), ledger.stalled?.reason]).toEqual([true, 'commit and 1 change not acknowledged']);
    settle(before);
    const reason = 'not acknowledged, of a transaction whose commit is not received yet';
    expect([ledger.isFull(), ledger.stalled]).toMatchObject([true, { index: 0, reason: `1 change ${reason}` }]);
    const first = ledger.stalled?.unit;
    seven?.settle();
    expect([ledger.isFull(), ledger.stalled]).toEqual([false, undefined]);
    block(ledger, 8, 2);
    expect(ledger.stalled).toMatchObject({ index: 0, reason: `4 changes ${reason}` });
    expect(ledger.stalled?.unit).not.toBe(first);
    settle(eight);
    expect(ledger.stalled).toBeUndefined();
  });

  it('is not the reason of a stall after a stop, even if the window is full', () => {
    const { ledger } = createLedger({ messages: 2, bytes: 1_000_000 });
    block(ledger, 7, 2);
    expect(ledger.stalled?.index).toBe(0);
    ledger.stopAfter(ledger.openSettled());
    expect([ledger.isFull(), ledger.stalled, ledger.settled]).toEqual([true, undefined, true]);
  });

  it('counts against the window until it is settled', () => {
    const { ledger, events } = createLedger({ messages: 4, bytes: 1_000_000 });
    const changes = [...block(ledger, 7, 2), ...block(ledger, 8, 2)];
    expect(ledger.isFull()).toBe(true);
    settle(changes.slice(0, 2));
    expect([ledger.isFull(), events]).toEqual([false, ['windowReopened']]);
  });

  it('does not count against the window while it is gathered, then with its bytes in memory', () => {
    const { ledger } = createLedger({ messages: 3, bytes: 100 });
    for (const delivery of [...block(ledger, 7, 50), ...block(ledger, 7, 50)]) delivery.gather();
    expect([ledger.isFull(), ledger.unackedMessages, ledger.unackedBytes]).toEqual([false, 0, 0]);
    const group = ledger.commitStream(7, 100n, 10).group(64);
    expect([ledger.unackedMessages, ledger.unackedBytes, ledger.confirmed]).toEqual([1, 74, 0n]);
    settle([group]);
    expect([ledger.unackedMessages, ledger.unackedBytes, ledger.confirmed]).toEqual([0, 0, 100n]);
  });

  it('is the reason why the slot does not advance only once its commit is received', () => {
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

describe('the oldest unacknowledged change of a streamed transaction', () => {
  /** A committed transaction with one change of subtransaction 7, two of 8, and another three of 7. */
  function stream(): { ledger: Ledger; first: LedgerDelivery[]; second: LedgerDelivery[]; third: LedgerDelivery[] } {
    const { ledger } = createLedger(WIDE);
    const [first, second, third] = [block(ledger, 7, 1), block(ledger, 7, 2, 8), block(ledger, 7, 3)];
    ledger.commitStream(7, 100n, 10);
    return { ledger, first, second, third };
  }

  it('stays the same while later changes of other subtransactions are acknowledged', () => {
    const { ledger, first, third } = stream();
    settle(first);
    const before = ledger.stalled;
    for (const change of third) {
      settle([change]);
      expect(ledger.stalled).toMatchObject({ unit: before?.unit, index: 1 });
    }
    expect(before?.index).toBe(1);
  });

  it('is not one of an aborted subtransaction, whether or not it was acknowledged', () => {
    const { ledger } = createLedger(WIDE);
    const first = block(ledger, 7, 1);
    const [, aborted] = block(ledger, 7, 2, 8);
    block(ledger, 7, 1);
    aborted?.settle();
    ledger.abortStream(7, 8);
    ledger.commitStream(7, 100n, 10);
    settle(first);
    expect(ledger.stalled?.index).toBe(3);
  });
});

describe('an aborted transaction or subtransaction', () => {
  it('needs no settling, if the whole transaction is aborted', () => {
    const { ledger, events } = createLedger({ messages: 2, bytes: 1_000_000 });
    const changes = block(ledger, 7, 2);
    expect(ledger.isFull()).toBe(true);
    ledger.abortStream(7, 7);
    expect([ledger.unackedMessages, ledger.unackedBytes, ledger.isFull(), ledger.settled]).toEqual([0, 0, false, true]);
    expect(events).toEqual(['windowReopened']);
    settle(changes);
    expect([ledger.unackedMessages, ledger.confirmed]).toEqual([0, 0n]);
  });

  it('needs no settling, if a subtransaction is aborted, while the rest does', () => {
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

  it('does not settle changes of another transaction whose subtransaction has the same xid', () => {
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

  it('may contain all changes: then the commit has to be settled', () => {
    const { ledger } = createLedger(WIDE);
    block(ledger, 7, 2, 8);
    ledger.abortStream(7, 8);
    const commit = ledger.commitStream(7, 100n, 10);
    expect([ledger.confirmed, ledger.stalled?.reason]).toEqual([0n, 'all changes acknowledged, their commit not']);
    commit.settle();
    expect(ledger.confirmed).toBe(100n);
  });

  it('may contain all gathered changes: then the operator drops the group', () => {
    const { ledger } = createLedger(WIDE);
    for (const delivery of block(ledger, 7, 2, 8)) delivery.gather();
    ledger.abortStream(7, 8);
    ledger.commitStream(7, 100n, 10).group(0).discard();
    expect([ledger.confirmed, ledger.settled, ledger.unackedMessages]).toEqual([100n, true, 0]);
  });
});

describe('a prepared transaction', () => {
  it('is confirmed at its Prepare, once that and all changes are settled', () => {
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

  it('counts against the window until its Prepare, and not after it', () => {
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

  it('does not fill the window for what follows it, however many are held', () => {
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

  it('counts against the window again once its end is known, as it need not be held any longer', () => {
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

  it('may have been prepared before the stream started, or be settled when it ends', () => {
    const { ledger } = createLedger({ messages: 2, bytes: 30 });
    settle([ledger.endPrepared(9, 100n, 10)]);
    settle([...prepared(ledger, 200n), ledger.endPrepared(9, 300n, 29)]);
    expect([ledger.isFull(), ledger.unackedBytes, ledger.confirmed]).toEqual([false, 0, 300n]);
  });

  it('does not count against the window when it is gathered, either', () => {
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

  it('is confirmed in the order of its Prepare when it is streamed', () => {
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

  it('delays the confirmation of what follows it, as any delivery does', () => {
    const { ledger } = createLedger(WIDE);
    const held = prepared(ledger, 100n);
    settle(transaction(ledger, 200n));
    ledger.recordDelivered(300n);
    expect(ledger.confirmed).toBe(0n);
    settle(held);
    expect(ledger.confirmed).toBe(300n);
  });
});

describe('a keepalive while streamed transactions are open', () => {
  it('is confirmed when everything that ended before it is settled, as open transactions commit after it', () => {
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

  it('is not confirmed by the settled changes of a transaction that commits after it', () => {
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

describe('a stop while streamed transactions are open', () => {
  it('leaves the open transactions unsettled, and does not wait for them', () => {
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

  it('before a commit leaves the commit, its changes and what follows unconfirmed', () => {
    const { ledger } = createLedger(WIDE);
    const changes = block(ledger, 7, 2);
    const before = transaction(ledger, 100n);
    const commit = ledger.commitStream(7, 200n, 10);
    ledger.stopBefore(commit, 150n);
    expect([...changes, commit].map((delivery) => delivery.settle())).toEqual([false, false, false]);
    settle(before);
    expect([ledger.confirmed, ledger.settled]).toEqual([150n, true]);
  });

  it('after a commit includes its changes', () => {
    const { ledger } = createLedger(WIDE);
    const changes = block(ledger, 7, 2);
    const commit = ledger.commitStream(7, 200n, 10);
    const beyond = block(ledger, 8);
    ledger.stopAfter(commit, 250n);
    settle([commit, ...changes]);
    expect([ledger.confirmed, ledger.settled, beyond[0]?.settle()]).toEqual([250n, true, false]);
  });

  it('before a Prepare leaves the Prepare unconfirmed; before a CommitPrepared, that message', () => {
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

  it('at a change or StreamStop of an open transaction is a stop after everything that has ended', () => {
    const { ledger } = createLedger(WIDE);
    const done = transaction(ledger, 100n);
    const [change] = block(ledger, 7);
    if (change) ledger.stopAfter(change, 120n);
    expect(change?.settle()).toBe(false);
    settle(done);
    expect([ledger.confirmed, ledger.settled]).toEqual([120n, true]);
  });

  it('ends them once the session closes: their changes cannot be settled', () => {
    const { ledger } = createLedger(WIDE);
    const changes = block(ledger, 7, 2);
    ledger.close();
    expect(changes.map((delivery) => delivery.settle())).toEqual([false, false]);
    expect(ledger.confirmed).toBe(0n);
  });
});

describe('where the consumer owns the position', () => {
  it('a streamed transaction is confirmed by what the subscriber settles', () => {
    const { ledger } = createLedger(WIDE, 'consumer');
    for (const delivery of [...block(ledger, 7), ledger.commitStream(7, 100n, 10)]) delivery.discard();
    expect([ledger.confirmed, ledger.settled]).toEqual([0n, true]);
    settle([...block(ledger, 8), ledger.commitStream(8, 200n, 10)]);
    expect(ledger.confirmed).toBe(200n);
  });

  it('an empty transaction, and one whose changes were all aborted, confirm nothing by themselves', () => {
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
