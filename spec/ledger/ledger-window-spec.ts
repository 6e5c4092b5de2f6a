import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Delivery } from '../../lib/ledger/acknowledgement';
import { createLedger } from './support/create-ledger';
import { WIDE, transaction, gathered, settle } from './support/ledger-transactions';

describe('the window', () => {
  it('is full at the message limit, and reopens at half of it', () => {
    const { ledger, events } = createLedger({ messages: 4, bytes: 1_000_000 });
    ledger.begin();
    const changes = [ledger.change(1), ledger.change(1), ledger.change(1)];
    expect(ledger.isFull()).toBe(false);
    changes.push(ledger.change(1));
    expect(ledger.isFull()).toBe(true);
    changes[2]?.settle();
    expect([ledger.unackedMessages, ledger.isFull()]).toEqual([3, true]);
    changes[0]?.settle();
    expect([ledger.unackedMessages, ledger.isFull()]).toEqual([2, false]);
    expect(events).toEqual(['windowReopened']);
    changes[1]?.settle();
    expect(events).toEqual(['windowReopened']);
  });

  it('is full at the byte limit, and reopens at half of it', () => {
    const { ledger } = createLedger({ messages: 1000, bytes: 100 });
    ledger.begin();
    const changes = [ledger.change(40), ledger.change(59)];
    expect([ledger.unackedBytes, ledger.isFull()]).toEqual([99, false]);
    changes.push(ledger.change(1));
    expect([ledger.unackedBytes, ledger.isFull()]).toEqual([100, true]);
    changes[0]?.settle();
    expect([ledger.unackedBytes, ledger.isFull()]).toEqual([60, true]);
    changes[1]?.settle();
    expect([ledger.unackedBytes, ledger.isFull()]).toEqual([1, false]);
  });

  it('reopens only when messages and bytes are both at half of their limits', () => {
    const { ledger } = createLedger({ messages: 4, bytes: 100 });
    ledger.begin();
    const large = ledger.change(90);
    const small = [ledger.change(1), ledger.change(1), ledger.change(1)];
    expect(ledger.isFull()).toBe(true);
    for (const delivery of small) delivery.settle();
    expect([ledger.unackedMessages, ledger.isFull()]).toEqual([1, true]);
    large.settle();
    expect(ledger.isFull()).toBe(false);
  });

  it('accepts one message of any size, and not a second one', () => {
    const { ledger } = createLedger({ messages: 10, bytes: 100 });
    ledger.begin();
    const change = ledger.change(1_000_000);
    expect(ledger.isFull()).toBe(true);
    change.settle();
    expect(ledger.isFull()).toBe(false);
  });

  it('of one message accepts one message at a time', () => {
    const { ledger } = createLedger({ messages: 1, bytes: 1_000_000 });
    ledger.begin();
    for (const open of [() => ledger.change(1), () => ledger.change(1), () => ledger.commit(100n, 1)]) {
      const delivery = open();
      expect(ledger.isFull()).toBe(true);
      delivery.settle();
      expect(ledger.isFull()).toBe(false);
    }
    expect(ledger.confirmed).toBe(100n);
  });

  it('does not count what was acknowledged out of order, though it is not confirmed yet', () => {
    const { ledger } = createLedger({ messages: 3, bytes: 1_000_000 });
    const first = ledger.openStandaloneUnit(10n, 5);
    const later = [ledger.openStandaloneUnit(20n, 5), ledger.openStandaloneUnit(30n, 5)];
    expect(ledger.isFull()).toBe(true);
    for (const delivery of later) delivery.settle();
    expect([ledger.isFull(), ledger.confirmed, ledger.unackedMessages, ledger.unackedBytes]).toEqual([false, 0n, 1, 5]);
    first.settle();
    expect(ledger.confirmed).toBe(30n);
  });
});

describe('a gathered transaction', () => {
  it('counts as one delivery with the bytes of all its changes', () => {
    const { ledger } = createLedger(WIDE);
    const delivery = gathered(ledger, 100n, 5, 20);
    expect([ledger.unackedMessages, ledger.unackedBytes]).toEqual([1, 120]);
    expect(delivery.settle()).toBe(true);
    expect([ledger.unackedMessages, ledger.unackedBytes, ledger.confirmed]).toEqual([0, 0, 100n]);
  });

  it('is not confirmed by acknowledging its changes and its Commit one by one', () => {
    const { ledger } = createLedger(WIDE);
    ledger.begin();
    const change = ledger.change(1);
    change.gather();
    const commit = ledger.commit(100n, 1);
    const group = commit.group();
    expect([change.settle(), commit.settle()]).toEqual([true, true]);
    expect(ledger.confirmed).toBe(0n);
    group.settle();
    expect(ledger.confirmed).toBe(100n);
  });

  it('does not count against the window before its end arrives, so that it can be larger than the window', () => {
    const { ledger } = createLedger({ messages: 4, bytes: 100 });
    ledger.begin();
    for (let i = 0; i < 50; i++) {
      ledger.change(99).gather();
      expect([ledger.isFull(), ledger.unackedMessages, ledger.unackedBytes]).toEqual([false, 0, 0]);
    }
    const group = ledger.commit(100n, 1).group();
    expect([ledger.isFull(), ledger.unackedMessages, ledger.unackedBytes]).toEqual([true, 1, 50 * 99 + 1]);
    group.settle();
    expect([ledger.isFull(), ledger.confirmed]).toEqual([false, 100n]);
  });

  it('is gathered even if it is larger than the window by one change', () => {
    const { ledger } = createLedger({ messages: 1, bytes: 10 });
    ledger.begin();
    for (let i = 0; i < 3; i++) {
      ledger.change(1000).gather();
      expect(ledger.isFull()).toBe(false);
    }
    expect(ledger.commit(100n, 1).group().settle()).toBe(true);
    expect([ledger.isFull(), ledger.confirmed]).toEqual([false, 100n]);
  });

  it('fills the window together with earlier ones at the limit, and not before', () => {
    const { ledger } = createLedger({ messages: 3, bytes: 1_000_000 });
    const groups = [gathered(ledger, 100n, 3), gathered(ledger, 200n, 3)];
    expect([ledger.unackedMessages, ledger.isFull()]).toEqual([2, false]);
    groups.push(gathered(ledger, 300n, 3));
    expect([ledger.unackedMessages, ledger.isFull()]).toEqual([3, true]);
    groups[0]?.settle();
    expect(ledger.isFull()).toBe(true);
    groups[1]?.settle();
    expect(ledger.isFull()).toBe(false);
  });

  it('does not fill the window with bytes that were counted before', () => {
    const { ledger } = createLedger({ messages: 1000, bytes: 100 });
    ledger.begin();
    ledger.change(30).gather();
    ledger.commit(100n, 60).group();
    expect([ledger.unackedBytes, ledger.isFull()]).toEqual([90, false]);
  });

  it('contains only what was not acknowledged before', () => {
    const { ledger } = createLedger(WIDE);
    ledger.begin();
    const early = ledger.change(1000);
    early.settle();
    early.gather();
    ledger.change(10).gather();
    const group = ledger.commit(100n, 1).group();
    expect([ledger.unackedMessages, ledger.unackedBytes]).toEqual([1, 11]);
    group.settle();
    expect([ledger.unackedMessages, ledger.unackedBytes, ledger.confirmed]).toEqual([0, 0, 100n]);
  });

  it('is confirmed only when the changes that were left out of it are settled', () => {
    const { ledger } = createLedger(WIDE);
    ledger.begin();
    const dropped = ledger.change(10);
    ledger.change(10).gather();
    const group = ledger.commit(100n, 1).group();
    group.settle();
    expect([ledger.confirmed, ledger.unackedMessages]).toEqual([0n, 1]);
    dropped.settle();
    expect(ledger.confirmed).toBe(100n);
  });
});

describe('an acknowledged delivery that the subscriber retains', () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage: () => void = runInNewContext('gc');

  it('does not retain later transactions', async () => {
    const { ledger } = createLedger(WIDE);
    const kept = transaction(ledger, 100n);
    const later = ((): WeakRef<object> => {
      const [first, second] = [transaction(ledger, 200n), transaction(ledger, 300n)];
      for (const delivered of [second, first, kept]) settle(delivered);
      return new WeakRef(Delivery.getHandle(second.commit) ?? {});
    })();
    transaction(ledger, 400n);
    await new Promise(setImmediate);
    collectGarbage();
    expect([later.deref(), kept.commit.settle()]).toEqual([undefined, true]);
  });
});
