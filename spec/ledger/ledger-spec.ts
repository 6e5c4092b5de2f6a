import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Entry } from '../../lib/ledger/acknowledgement';
import type { Ledger } from '../../lib/ledger/ledger';
import type { WindowLimits } from '../../lib/ledger/window';
import { ledgerOf } from './support/ledger-of';

/** Wide enough that no spec meets it by accident. */
const WIDE: WindowLimits = { messages: 1000, bytes: 1_000_000 };

interface Delivered {
  begin: Entry;
  changes: Entry[];
  commit: Entry;
}

/** A whole transaction; every change, and the commit, has so many bytes. */
function transaction(ledger: Ledger, endLsn: bigint, changes = 1, bytes = 10): Delivered {
  const begin = ledger.begin();
  const entries = Array.from({ length: changes }, () => ledger.change(bytes));
  return { begin, changes: entries, commit: ledger.commit(endLsn, bytes) };
}

/** A whole transaction as `transactions()` takes it. */
function gathered(ledger: Ledger, endLsn: bigint, changes = 1, bytes = 10): Entry {
  ledger.begin();
  for (let i = 0; i < changes; i++) ledger.change(bytes).gather();
  return ledger.commit(endLsn, bytes).group();
}

function settle({ changes, commit }: Delivered): void {
  for (const entry of [...changes, commit]) entry.settle();
}

describe('confirmation', () => {
  it('is 0 before anything has been settled', () => {
    const { ledger } = ledgerOf(WIDE);
    transaction(ledger, 100n);
    expect(ledger.confirmed).toBe(0n);
    expect(ledger.settled).toBe(false);
  });

  it('needs every change and the Commit, in whatever order', () => {
    const orders = [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
      [2, 0, 1],
    ];
    for (const order of orders) {
      const { ledger } = ledgerOf(WIDE);
      const { changes, commit } = transaction(ledger, 100n, 2);
      const entries = [...changes, commit];
      const positions = order.map((i) => {
        expect(entries[i]?.settle()).toBe(true);
        return ledger.confirmed;
      });
      expect(positions).toEqual([0n, 0n, 100n]);
      expect(ledger.settled).toBe(true);
    }
  });

  it('waits for the Commit to arrive when all changes are settled already', () => {
    const { ledger } = ledgerOf(WIDE);
    ledger.begin();
    ledger.change(1).settle();
    expect([ledger.confirmed, ledger.settled]).toEqual([0n, false]);
    ledger.commit(100n, 1).settle();
    expect([ledger.confirmed, ledger.settled]).toEqual([100n, true]);
  });

  it('goes no further than the first transaction that is not settled', () => {
    const { ledger, told } = ledgerOf(WIDE);
    const [first, second, third] = [transaction(ledger, 100n), transaction(ledger, 200n), transaction(ledger, 300n)];
    settle(third);
    settle(second);
    expect(ledger.confirmed).toBe(0n);
    expect(told).toEqual([]);
    settle(first);
    expect(ledger.confirmed).toBe(300n);
    expect(told).toEqual(['advanced']);
  });

  it('never goes back, though a later position be lower', () => {
    const { ledger } = ledgerOf(WIDE);
    settle(transaction(ledger, 300n));
    ledger.progress(200n);
    expect(ledger.confirmed).toBe(300n);
    ledger.single(250n, 1).settle();
    expect(ledger.confirmed).toBe(300n);
    ledger.progress(301n);
    expect(ledger.confirmed).toBe(301n);
  });

  it('counts a second acknowledgement of the same delivery as the first', () => {
    const { ledger } = ledgerOf(WIDE);
    const { changes, commit } = transaction(ledger, 100n, 2);
    expect([changes[0]?.settle(), changes[0]?.settle(), changes[0]?.settle()]).toEqual([true, true, true]);
    commit.settle();
    expect([ledger.confirmed, ledger.unackedMessages]).toEqual([0n, 1]);
    changes[1]?.settle();
    expect([ledger.confirmed, ledger.unackedMessages]).toEqual([100n, 0]);
    commit.settle();
    expect([ledger.confirmed, ledger.unackedMessages, ledger.unackedBytes]).toEqual([100n, 0, 0]);
  });

  it('needs nobody for an empty transaction', () => {
    const { ledger, told } = ledgerOf(WIDE);
    const { begin, commit } = transaction(ledger, 100n, 0);
    expect([ledger.confirmed, ledger.settled, ledger.unackedMessages]).toEqual([100n, true, 0]);
    expect(told).toEqual(['advanced']);
    expect([begin.settle(), commit.settle()]).toEqual([true, true]);
  });

  it('lets an empty transaction wait for those before it', () => {
    const { ledger } = ledgerOf(WIDE);
    const first = transaction(ledger, 100n);
    transaction(ledger, 200n, 0);
    expect(ledger.confirmed).toBe(0n);
    settle(first);
    expect(ledger.confirmed).toBe(200n);
  });

  it('is unmoved by Begin, Relation, Type and Origin, which are settled from the start', () => {
    const { ledger } = ledgerOf(WIDE);
    const begin = ledger.begin();
    expect([begin.settle(), ledger.nothing.settle()]).toEqual([true, true]);
    expect([ledger.confirmed, ledger.unackedMessages, ledger.unackedBytes]).toEqual([0n, 0, 0]);
  });

  it("is at a logical message's own position, where it stands outside a transaction", () => {
    const { ledger } = ledgerOf(WIDE);
    const message = ledger.single(50n, 1);
    const next = transaction(ledger, 100n);
    expect(ledger.confirmed).toBe(0n);
    message.settle();
    expect(ledger.confirmed).toBe(50n);
    settle(next);
    expect(ledger.confirmed).toBe(100n);
  });

  it('is, for another plugin, the highest position of those settled without a gap', () => {
    const { ledger } = ledgerOf(WIDE);
    const entries = [30n, 10n, 20n, 40n].map((position) => ledger.single(position, 1));
    entries[3]?.settle();
    entries[1]?.settle();
    expect(ledger.confirmed).toBe(0n);
    entries[0]?.settle();
    expect(ledger.confirmed).toBe(30n);
    entries[2]?.settle();
    expect(ledger.confirmed).toBe(40n);
  });
});

describe('what an operator drops', () => {
  it('is settled, and confirmed like all else', () => {
    const { ledger } = ledgerOf(WIDE);
    const { changes, commit } = transaction(ledger, 100n);
    for (const entry of [...changes, commit]) entry.discard();
    expect([ledger.confirmed, ledger.unackedMessages, commit.settle()]).toEqual([100n, 0, true]);
  });

  it('after the end, or beyond a stop, is not confirmed', () => {
    const { ledger } = ledgerOf(WIDE);
    const beyond = ledger.single(100n, 1);
    beyond.stopBefore();
    beyond.discard();
    expect([beyond.settle(), ledger.confirmed]).toEqual([false, 0n]);
  });
});

describe('a keepalive', () => {
  it('is confirmed at once when nothing is outstanding', () => {
    const { ledger } = ledgerOf(WIDE);
    ledger.progress(70n);
    expect(ledger.confirmed).toBe(70n);
  });

  it('that came during work counts when that work is done', () => {
    const { ledger } = ledgerOf(WIDE);
    const work = transaction(ledger, 100n);
    ledger.progress(500n);
    expect(ledger.confirmed).toBe(0n);
    settle(work);
    expect(ledger.confirmed).toBe(500n);
  });

  it('waits for what came before it, and for nothing that came after it', () => {
    const { ledger } = ledgerOf(WIDE);
    const [before, after] = [transaction(ledger, 100n), (ledger.progress(150n), transaction(ledger, 200n))];
    settle(after);
    expect(ledger.confirmed).toBe(0n);
    settle(before);
    expect(ledger.confirmed).toBe(200n);

    const other = ledgerOf(WIDE).ledger;
    const first = transaction(other, 100n);
    other.progress(150n);
    transaction(other, 200n);
    settle(first);
    expect(other.confirmed).toBe(150n);
  });

  it('in the middle of a transaction waits for its end, however far ahead it is', () => {
    const { ledger } = ledgerOf(WIDE);
    ledger.begin();
    ledger.change(1).settle();
    ledger.progress(9999n);
    const change = ledger.change(1);
    change.settle();
    expect(ledger.confirmed).toBe(0n);
    const commit = ledger.commit(100n, 1);
    expect(ledger.confirmed).toBe(0n);
    commit.settle();
    expect(ledger.confirmed).toBe(9999n);
  });

  it('between Begin and the first change waits as well', () => {
    const { ledger } = ledgerOf(WIDE);
    ledger.begin();
    ledger.progress(9999n);
    expect(ledger.confirmed).toBe(0n);
    ledger.commit(100n, 1);
    expect(ledger.confirmed).toBe(9999n);
  });

  it('goes by the highest of several, as their positions fall back at times', () => {
    const { ledger } = ledgerOf(WIDE);
    const work = transaction(ledger, 100n);
    for (const walEnd of [300n, 200n, 250n]) ledger.progress(walEnd);
    settle(work);
    expect(ledger.confirmed).toBe(300n);
  });

  it('weighs nothing', () => {
    const { ledger } = ledgerOf({ messages: 1, bytes: 1 });
    for (let i = 1n; i < 100n; i++) ledger.progress(i);
    expect([ledger.isFull(), ledger.unackedMessages, ledger.unackedBytes]).toEqual([false, 0, 0]);
  });
});

describe('the window', () => {
  it('is full at so many messages, and free again at half of them', () => {
    const { ledger, told } = ledgerOf({ messages: 4, bytes: 1_000_000 });
    ledger.begin();
    const changes = [ledger.change(1), ledger.change(1), ledger.change(1)];
    expect(ledger.isFull()).toBe(false);
    changes.push(ledger.change(1));
    expect(ledger.isFull()).toBe(true);
    changes[2]?.settle();
    expect([ledger.unackedMessages, ledger.isFull()]).toEqual([3, true]);
    changes[0]?.settle();
    expect([ledger.unackedMessages, ledger.isFull()]).toEqual([2, false]);
    expect(told).toEqual(['relieved']);
    changes[1]?.settle();
    expect(told).toEqual(['relieved']);
  });

  it('is full at so many bytes, and free again at half of them', () => {
    const { ledger } = ledgerOf({ messages: 1000, bytes: 100 });
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

  it('is free again only when messages and bytes are both at half', () => {
    const { ledger } = ledgerOf({ messages: 4, bytes: 100 });
    ledger.begin();
    const large = ledger.change(90);
    const small = [ledger.change(1), ledger.change(1), ledger.change(1)];
    expect(ledger.isFull()).toBe(true);
    for (const entry of small) entry.settle();
    expect([ledger.unackedMessages, ledger.isFull()]).toEqual([1, true]);
    large.settle();
    expect(ledger.isFull()).toBe(false);
  });

  it('lets one message in, however large, and no second one', () => {
    const { ledger } = ledgerOf({ messages: 10, bytes: 100 });
    ledger.begin();
    const change = ledger.change(1_000_000);
    expect(ledger.isFull()).toBe(true);
    change.settle();
    expect(ledger.isFull()).toBe(false);
  });

  it('of one message takes one message at a time', () => {
    const { ledger } = ledgerOf({ messages: 1, bytes: 1_000_000 });
    ledger.begin();
    for (const open of [() => ledger.change(1), () => ledger.change(1), () => ledger.commit(100n, 1)]) {
      const entry = open();
      expect(ledger.isFull()).toBe(true);
      entry.settle();
      expect(ledger.isFull()).toBe(false);
    }
    expect(ledger.confirmed).toBe(100n);
  });

  it('counts what was acknowledged out of turn as gone, though it is not confirmed yet', () => {
    const { ledger } = ledgerOf({ messages: 3, bytes: 1_000_000 });
    const first = ledger.single(10n, 5);
    const later = [ledger.single(20n, 5), ledger.single(30n, 5)];
    expect(ledger.isFull()).toBe(true);
    for (const entry of later) entry.settle();
    expect([ledger.isFull(), ledger.confirmed, ledger.unackedMessages, ledger.unackedBytes]).toEqual([false, 0n, 1, 5]);
    first.settle();
    expect(ledger.confirmed).toBe(30n);
  });
});

describe('a transaction that is gathered', () => {
  it('counts as one delivery with the bytes of all of it', () => {
    const { ledger } = ledgerOf(WIDE);
    const entry = gathered(ledger, 100n, 5, 20);
    expect([ledger.unackedMessages, ledger.unackedBytes]).toEqual([1, 120]);
    expect(entry.settle()).toBe(true);
    expect([ledger.unackedMessages, ledger.unackedBytes, ledger.confirmed]).toEqual([0, 0, 100n]);
  });

  it('is not confirmed by acknowledging its changes and its Commit one by one', () => {
    const { ledger } = ledgerOf(WIDE);
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

  it('weighs nothing before its end has come, so that it may be larger than the window', () => {
    const { ledger } = ledgerOf({ messages: 4, bytes: 100 });
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

  it('larger by one change than the whole window is gathered all the same', () => {
    const { ledger } = ledgerOf({ messages: 1, bytes: 10 });
    ledger.begin();
    for (let i = 0; i < 3; i++) {
      ledger.change(1000).gather();
      expect(ledger.isFull()).toBe(false);
    }
    expect(ledger.commit(100n, 1).group().settle()).toBe(true);
    expect([ledger.isFull(), ledger.confirmed]).toEqual([false, 100n]);
  });

  it('fills the window with those before it at the limit, and not one earlier', () => {
    const { ledger } = ledgerOf({ messages: 3, bytes: 1_000_000 });
    const groups = [gathered(ledger, 100n, 3), gathered(ledger, 200n, 3)];
    expect([ledger.unackedMessages, ledger.isFull()]).toEqual([2, false]);
    groups.push(gathered(ledger, 300n, 3));
    expect([ledger.unackedMessages, ledger.isFull()]).toEqual([3, true]);
    groups[0]?.settle();
    expect(ledger.isFull()).toBe(true);
    groups[1]?.settle();
    expect(ledger.isFull()).toBe(false);
  });

  it('does not fill the window by bytes that it only moves', () => {
    const { ledger } = ledgerOf({ messages: 1000, bytes: 100 });
    ledger.begin();
    ledger.change(30).gather();
    ledger.commit(100n, 60).group();
    expect([ledger.unackedBytes, ledger.isFull()]).toEqual([90, false]);
  });

  it('takes over only what was not acknowledged before', () => {
    const { ledger } = ledgerOf(WIDE);
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

  it('waits for the changes that were left out of it', () => {
    const { ledger } = ledgerOf(WIDE);
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

describe('an acknowledged delivery that the subscriber keeps', () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage: () => void = runInNewContext('gc');

  it('keeps nothing of later transactions in memory', async () => {
    const { ledger } = ledgerOf(WIDE);
    const kept = transaction(ledger, 100n);
    const later = ((): WeakRef<Entry> => {
      const [first, second] = [transaction(ledger, 200n), transaction(ledger, 300n)];
      for (const delivered of [second, first, kept]) settle(delivered);
      return new WeakRef(second.commit);
    })();
    transaction(ledger, 400n);
    await new Promise(setImmediate);
    collectGarbage();
    expect([later.deref(), kept.commit.settle()]).toEqual([undefined, true]);
  });
});

describe('a stop', () => {
  it('before a transaction leaves it and all that follows unconfirmed', () => {
    const { ledger, told } = ledgerOf(WIDE);
    const first = transaction(ledger, 100n);
    const begin = ledger.begin();
    begin.stopBefore();
    expect(told).toEqual(['stop']);
    const beyond = ledger.change(1);
    expect(beyond.settle()).toBe(false);
    expect(ledger.settled).toBe(false);
    settle(first);
    expect([ledger.confirmed, ledger.settled]).toEqual([100n, true]);
    expect(beyond.settle()).toBe(false);
  });

  it('before a transaction that comes first of all has nothing to wait for', () => {
    const { ledger } = ledgerOf(WIDE);
    ledger.begin().stopBefore();
    expect([ledger.settled, ledger.confirmed, ledger.held]).toEqual([true, 0n, undefined]);
  });

  it('before a logical message leaves it unconfirmed', () => {
    const { ledger } = ledgerOf(WIDE);
    const message = ledger.single(100n, 1);
    message.stopBefore();
    expect(message.settle()).toBe(false);
    expect([ledger.confirmed, ledger.settled]).toEqual([0n, true]);
  });

  it('after a Commit still takes the acknowledgements of its transaction', () => {
    const { ledger, told } = ledgerOf(WIDE);
    const last = transaction(ledger, 100n);
    last.commit.stopAfter();
    expect([told, ledger.settled]).toEqual([['stop'], false]);
    const beyond = transaction(ledger, 200n);
    settle(beyond);
    expect(ledger.confirmed).toBe(0n);
    settle(last);
    expect([ledger.confirmed, ledger.settled, told]).toEqual([100n, true, ['stop', 'advanced']]);
    expect(beyond.commit.settle()).toBe(false);
    expect(ledger.confirmed).toBe(100n);
  });

  it('after a keepalive confirms up to the stop once everything before it is done, and no further', () => {
    const { ledger } = ledgerOf(WIDE);
    const work = transaction(ledger, 100n);
    ledger.nothing.stopAfter(150n);
    expect([ledger.confirmed, ledger.settled]).toEqual([0n, false]);
    settle(work);
    expect([ledger.confirmed, ledger.settled]).toEqual([150n, true]);
  });

  it('after a keepalive confirms up to the stop at once when nothing is outstanding', () => {
    const { ledger } = ledgerOf(WIDE);
    ledger.nothing.stopAfter(150n);
    expect([ledger.confirmed, ledger.settled]).toEqual([150n, true]);
  });

  it('is not moved further by a later one', () => {
    const { ledger } = ledgerOf(WIDE);
    const first = transaction(ledger, 100n);
    first.commit.stopAfter();
    const second = transaction(ledger, 200n);
    second.commit.stopAfter();
    settle(first);
    settle(second);
    expect(ledger.confirmed).toBe(100n);
  });
});

describe('after the session has closed', () => {
  it('acknowledging returns false and confirms nothing', () => {
    const { ledger, told } = ledgerOf(WIDE);
    const { changes, commit } = transaction(ledger, 100n);
    const group = gathered(ledger, 200n);
    ledger.close();
    expect([changes[0]?.settle(), commit.settle(), group.settle()]).toEqual([false, false, false]);
    expect([ledger.confirmed, told]).toEqual([0n, []]);
  });

  it('what had been acknowledged in time stays acknowledged', () => {
    const { ledger } = ledgerOf(WIDE);
    const delivered = transaction(ledger, 100n);
    settle(delivered);
    ledger.close();
    expect([delivered.commit.settle(), ledger.confirmed]).toEqual([true, 100n]);
  });

  it('a keepalive confirms nothing any more', () => {
    const { ledger } = ledgerOf(WIDE);
    ledger.close();
    ledger.progress(100n);
    expect(ledger.confirmed).toBe(0n);
  });
});

describe('what holds up the slot', () => {
  function reasonOf(run: (ledger: Ledger) => void): string | undefined {
    const { ledger } = ledgerOf(WIDE);
    run(ledger);
    return ledger.held?.reason;
  }

  it('is nothing when nothing is left to the subscriber', () => {
    expect(reasonOf(() => undefined)).toBeUndefined();
    expect(reasonOf((ledger) => ledger.begin())).toBeUndefined();
    expect(reasonOf((ledger) => settle(transaction(ledger, 100n)))).toBeUndefined();
  });

  it('is nothing while a transaction whose changes are done still arrives, or is gathered', () => {
    expect(
      reasonOf((ledger) => {
        ledger.begin();
        ledger.change(1).settle();
        ledger.change(1).gather();
      }),
    ).toBeUndefined();
  });

  it('is named: the Commit is acknowledged and changes are not', () => {
    expect(reasonOf((ledger) => transaction(ledger, 100n, 12).commit.settle())).toBe(
      'commit acknowledged, 12 changes not',
    );
    expect(reasonOf((ledger) => transaction(ledger, 100n, 1).commit.settle())).toBe(
      'commit acknowledged, 1 change not',
    );
  });

  it('is named: changes are acknowledged and their Commit is not', () => {
    const reason = reasonOf((ledger) => {
      for (const change of transaction(ledger, 100n, 3).changes) change.settle();
    });
    expect(reason).toBe('all changes acknowledged, their commit not');
  });

  it('is named: neither the Commit nor changes are acknowledged', () => {
    expect(reasonOf((ledger) => transaction(ledger, 100n, 2))).toBe('commit and 2 changes not acknowledged');
    expect(reasonOf((ledger) => transaction(ledger, 100n, 2).changes[0]?.settle())).toBe(
      'commit and 1 change not acknowledged',
    );
  });

  it('is named: changes of a transaction that has not ended yet', () => {
    const reason = reasonOf((ledger) => {
      ledger.begin();
      ledger.change(1);
      ledger.change(1);
    });
    expect(reason).toBe('2 changes not acknowledged, of a transaction whose commit has not come yet');
  });

  it('is named: a message outside any transaction', () => {
    expect(reasonOf((ledger) => ledger.single(100n, 1))).toBe('a message is not acknowledged');
  });

  it('is named: a gathered transaction', () => {
    expect(reasonOf((ledger) => gathered(ledger, 100n, 3))).toBe('a transaction is not acknowledged');
  });

  it('is named: changes that were dropped before they could be gathered', () => {
    const reason = reasonOf((ledger) => {
      ledger.begin();
      ledger.change(1);
      ledger.change(1).gather();
      ledger.commit(100n, 1).group().settle();
    });
    expect(reason).toBe('transaction acknowledged, 1 change left out of it not');
  });

  it('is the oldest delivery, and known by its number for as long as it is', () => {
    const { ledger } = ledgerOf(WIDE);
    const { changes } = transaction(ledger, 100n, 3);
    const before = ledger.held;
    changes[1]?.settle();
    expect(ledger.held?.sequence).toBe(before?.sequence);
    changes[0]?.settle();
    expect(ledger.held?.sequence).not.toBe(before?.sequence);
  });

  it('is the oldest, and known by its number for as long as it is', () => {
    const { ledger } = ledgerOf(WIDE);
    const [first, second] = [transaction(ledger, 100n), transaction(ledger, 200n)];
    const before = ledger.held;
    settle(second);
    expect(ledger.held).toEqual(before);
    transaction(ledger, 300n);
    settle(first);
    expect(ledger.held?.sequence).not.toBe(before?.sequence);
  });

  it('is not what lies beyond a stop', () => {
    expect(reasonOf((ledger) => ledger.single(100n, 1).stopBefore())).toBeUndefined();
  });
});

describe('where the consumer keeps the position', () => {
  function consumers(limits = WIDE): { ledger: Ledger; told: string[] } {
    return ledgerOf(limits, 'consumer');
  }

  it('what the subscriber has settled is confirmed, in the order in which it came', () => {
    const { ledger } = consumers();
    const [first, group, single] = [transaction(ledger, 100n), gathered(ledger, 200n), ledger.single(250n, 1)];
    group.settle();
    single.settle();
    expect(ledger.confirmed).toBe(0n);
    settle(first);
    expect([ledger.confirmed, ledger.settled]).toEqual([250n, true]);
  });

  it('what an operator has dropped is done, and confirmed only by what the subscriber settles behind it', () => {
    const { ledger, told } = consumers();
    const { changes, commit } = transaction(ledger, 100n);
    for (const entry of [...changes, commit, ledger.single(150n, 1)]) entry.discard();
    expect([ledger.confirmed, ledger.settled, ledger.unackedMessages]).toEqual([0n, true, 0]);
    expect(told).toContain('advanced');
    settle(transaction(ledger, 200n));
    expect(ledger.confirmed).toBe(200n);
  });

  it('what was dropped in part is confirmed with the rest', () => {
    const { ledger } = consumers();
    const { changes, commit } = transaction(ledger, 100n, 2);
    changes[0]?.discard();
    changes[1]?.settle();
    commit.discard();
    expect(ledger.confirmed).toBe(100n);
  });

  it('dropping what was settled takes nothing back, and settling what was dropped adds nothing', () => {
    const { ledger } = consumers();
    const single = ledger.single(100n, 1);
    single.settle();
    single.discard();
    expect(ledger.confirmed).toBe(100n);
    const dropped = ledger.single(200n, 1);
    dropped.discard();
    expect([dropped.settle(), ledger.confirmed, ledger.unackedMessages]).toEqual([true, 100n, 0]);
  });

  it('an empty transaction confirms nothing: nobody stores its position', () => {
    const { ledger } = consumers();
    transaction(ledger, 100n, 0);
    expect([ledger.confirmed, ledger.settled]).toEqual([0n, true]);
  });

  it('a keepalive that nobody acknowledges confirms nothing, during work or without', () => {
    const { ledger } = consumers();
    ledger.progress(50n);
    const work = transaction(ledger, 100n);
    ledger.progress(500n);
    ledger.keepalive(600n);
    settle(work);
    ledger.progress(700n);
    expect(ledger.confirmed).toBe(100n);
  });

  it('a keepalive is confirmed as soon as it is acknowledged, when nothing is outstanding', () => {
    const { ledger, told } = consumers();
    const entry = ledger.keepalive(500n);
    expect([entry.isProgress, ledger.settled, ledger.unackedMessages]).toEqual([true, true, 0]);
    expect(entry.settle()).toBe(true);
    expect([ledger.confirmed, told]).toEqual([500n, ['advanced']]);
  });

  it('a keepalive that is acknowledged during work counts when that work is done', () => {
    const { ledger } = consumers();
    const [first, second] = [transaction(ledger, 100n), transaction(ledger, 200n)];
    const entry = ledger.keepalive(500n);
    transaction(ledger, 600n);
    expect(entry.settle()).toBe(true);
    settle(second);
    expect(ledger.confirmed).toBe(0n);
    settle(first);
    expect(ledger.confirmed).toBe(500n);
  });

  it('a keepalive that is acknowledged after the work before it counts at once, whatever came behind it', () => {
    const { ledger, told } = consumers();
    const work = transaction(ledger, 100n);
    const entry = ledger.keepalive(500n);
    transaction(ledger, 600n);
    settle(work);
    expect([ledger.confirmed, told]).toEqual([100n, ['advanced']]);
    expect(entry.settle()).toBe(true);
    expect([ledger.confirmed, told]).toEqual([500n, ['advanced', 'advanced']]);
  });

  it('a keepalive behind what was dropped confirms that as well', () => {
    const { ledger } = consumers();
    const dropped = ledger.single(100n, 1);
    const entry = ledger.keepalive(500n);
    entry.settle();
    expect(ledger.confirmed).toBe(0n);
    dropped.discard();
    expect(ledger.confirmed).toBe(500n);
  });

  it('keepalives that are acknowledged out of turn never take it back', () => {
    const { ledger } = consumers();
    const entries = [100n, 300n, 200n].map((walEnd) => ledger.keepalive(walEnd));
    for (const entry of entries.reverse()) expect(entry.settle()).toBe(true);
    expect(ledger.confirmed).toBe(300n);
  });

  it('a keepalive that was dropped, or gathered, confirms nothing', () => {
    const { ledger } = consumers();
    const entry = ledger.keepalive(500n);
    entry.discard();
    entry.gather();
    expect([ledger.confirmed, ledger.settled]).toEqual([0n, true]);
  });

  it('a progress that was made a delivery weighs one, is waited for, and keeps its place', () => {
    const { ledger } = consumers({ messages: 2, bytes: 100 });
    const work = gathered(ledger, 100n);
    const progress = ledger.keepalive(500n).group();
    expect([ledger.unackedMessages, ledger.isFull(), ledger.settled]).toEqual([2, true, false]);
    progress.settle();
    expect(ledger.confirmed).toBe(0n);
    work.settle();
    expect([ledger.confirmed, ledger.settled, ledger.isFull()]).toEqual([500n, true, false]);
  });

  it('a progress that was made a delivery holds up what comes behind it', () => {
    const { ledger } = consumers();
    const progress = ledger.keepalive(500n).group();
    gathered(ledger, 600n).settle();
    expect([ledger.confirmed, ledger.held?.reason]).toEqual([0n, 'a message is not acknowledged']);
    progress.settle();
    expect(ledger.confirmed).toBe(600n);
  });

  function discarded(ledger: Ledger, position: bigint): Entry {
    const entry = ledger.single(position, 1);
    entry.discard();
    return entry;
  }

  it.each<[what: string, deliver: (ledger: Ledger) => void, prospect: bigint]>([
    ['nothing more than is confirmed, when nothing is in hand', () => undefined, 50n],
    ['a transaction in hand', (ledger) => transaction(ledger, 100n), 100n],
    ['a gathered transaction in hand', (ledger) => gathered(ledger, 100n), 100n],
    ['the last of several', (ledger) => [transaction(ledger, 100n), gathered(ledger, 200n)], 200n],
    [
      'the last of several, though it is done',
      (ledger) => [transaction(ledger, 100n), gathered(ledger, 200n).settle()],
      200n,
    ],
    ['a progress in hand', (ledger) => ledger.keepalive(300n).group(), 300n],
    ['no transaction that has not ended', (ledger) => [ledger.begin(), ledger.change(1)], 50n],
    ['no empty transaction', (ledger) => transaction(ledger, 100n, 0), 50n],
    [
      'no empty transaction behind one in hand',
      (ledger) => [transaction(ledger, 100n), transaction(ledger, 200n, 0)],
      50n,
    ],
    ['nothing that was dropped', (ledger) => [transaction(ledger, 100n), discarded(ledger, 200n)], 50n],
  ])('what the deliveries will confirm by themselves is %s', (_, deliver, prospect) => {
    const { ledger } = consumers();
    ledger.keepalive(50n).settle();
    deliver(ledger);
    expect([ledger.prospect, ledger.confirmed]).toEqual([prospect, 50n]);
  });

  it('is not confirmed up to a stop: nobody stores the position that it names', () => {
    const { ledger, told } = consumers();
    const work = transaction(ledger, 100n);
    ledger.nothing.stopAfter(150n);
    settle(work);
    expect([ledger.confirmed, ledger.settled, told]).toEqual([100n, true, ['stop', 'advanced']]);
    const other = consumers().ledger;
    other.begin().stopBefore(150n);
    expect([other.confirmed, other.settled]).toEqual([0n, true]);
  });

  it('a keepalive at which it stops can be acknowledged, one that lies beyond a stop cannot', () => {
    const { ledger } = consumers();
    const work = transaction(ledger, 100n);
    const last = ledger.keepalive(500n);
    last.stopAfter(450n);
    const beyond = (ledger.single(600n, 1), ledger.keepalive(700n));
    expect([last.settle(), beyond.settle()]).toEqual([true, false]);
    settle(work);
    expect([ledger.confirmed, ledger.settled]).toEqual([500n, true]);
    expect(beyond.settle()).toBe(false);
    expect(ledger.confirmed).toBe(500n);
  });

  it('a progress beyond a stop can be acknowledged neither', () => {
    const { ledger } = consumers();
    ledger.begin().stopBefore();
    expect([ledger.keepalive(500n).group().settle(), ledger.confirmed]).toEqual([false, 0n]);
  });

  it('a keepalive that is acknowledged after the end came too late; one that was in time stays so', () => {
    const { ledger, told } = consumers();
    const [early, late, delivery] = [ledger.keepalive(100n), ledger.keepalive(200n), ledger.keepalive(300n).group()];
    early.settle();
    ledger.close();
    told.length = 0;
    expect([early, late, delivery].map((entry) => entry.settle())).toEqual([true, false, false]);
    expect([ledger.confirmed, told]).toEqual([100n, []]);
  });
});
