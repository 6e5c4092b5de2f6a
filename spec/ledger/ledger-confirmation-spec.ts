import { createLedger } from './support/create-ledger';
import { WIDE, transaction, settle } from './support/ledger-transactions';

describe('the confirmed LSN', () => {
  it('is 0 before anything has been settled', () => {
    const { ledger } = createLedger(WIDE);
    transaction(ledger, 100n);
    expect(ledger.confirmed).toBe(0n);
    expect(ledger.settled).toBe(false);
  });

  it('advances when every change and the Commit are settled, in any order', () => {
    const orders = [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
      [2, 0, 1],
    ];
    for (const order of orders) {
      const { ledger } = createLedger(WIDE);
      const { changes, commit } = transaction(ledger, 100n, 2);
      const deliveries = [...changes, commit];
      const positions = order.map((i) => {
        expect(deliveries[i]?.settle()).toBe(true);
        return ledger.confirmed;
      });
      expect(positions).toEqual([0n, 0n, 100n]);
      expect(ledger.settled).toBe(true);
    }
  });

  it('waits for the Commit to arrive when all changes are settled already', () => {
    const { ledger } = createLedger(WIDE);
    ledger.begin();
    ledger.change(1).settle();
    expect([ledger.confirmed, ledger.settled]).toEqual([0n, false]);
    ledger.commit(100n, 1).settle();
    expect([ledger.confirmed, ledger.settled]).toEqual([100n, true]);
  });

  it('stays before the first transaction that is not settled', () => {
    const { ledger, events } = createLedger(WIDE);
    const [first, second, third] = [transaction(ledger, 100n), transaction(ledger, 200n), transaction(ledger, 300n)];
    settle(third);
    settle(second);
    expect(ledger.confirmed).toBe(0n);
    expect(events).toEqual([]);
    settle(first);
    expect(ledger.confirmed).toBe(300n);
    expect(events).toEqual(['advanced']);
  });

  it('never decreases, even if a later position is lower', () => {
    const { ledger } = createLedger(WIDE);
    settle(transaction(ledger, 300n));
    ledger.recordDelivered(200n);
    expect(ledger.confirmed).toBe(300n);
    ledger.openStandaloneUnit(250n, 1).settle();
    expect(ledger.confirmed).toBe(300n);
    ledger.recordDelivered(301n);
    expect(ledger.confirmed).toBe(301n);
  });

  it('ignores a second acknowledgement of the same delivery', () => {
    const { ledger } = createLedger(WIDE);
    const { changes, commit } = transaction(ledger, 100n, 2);
    expect([changes[0]?.settle(), changes[0]?.settle(), changes[0]?.settle()]).toEqual([true, true, true]);
    commit.settle();
    expect([ledger.confirmed, ledger.unackedMessages]).toEqual([0n, 1]);
    changes[1]?.settle();
    expect([ledger.confirmed, ledger.unackedMessages]).toEqual([100n, 0]);
    commit.settle();
    expect([ledger.confirmed, ledger.unackedMessages, ledger.unackedBytes]).toEqual([100n, 0, 0]);
  });

  it('advances past an empty transaction without an acknowledgement', () => {
    const { ledger, events } = createLedger(WIDE);
    const { begin, commit } = transaction(ledger, 100n, 0);
    expect([ledger.confirmed, ledger.settled, ledger.unackedMessages]).toEqual([100n, true, 0]);
    expect(events).toEqual(['advanced']);
    expect([begin.settle(), commit.settle()]).toEqual([true, true]);
  });

  it('does not advance past an empty transaction while one before it is unsettled', () => {
    const { ledger } = createLedger(WIDE);
    const first = transaction(ledger, 100n);
    transaction(ledger, 200n, 0);
    expect(ledger.confirmed).toBe(0n);
    settle(first);
    expect(ledger.confirmed).toBe(200n);
  });

  it('does not depend on Begin, Relation, Type and Origin, which need no settling', () => {
    const { ledger } = createLedger(WIDE);
    const begin = ledger.begin();
    expect([begin.settle(), ledger.openSettled().settle()]).toEqual([true, true]);
    expect([ledger.confirmed, ledger.unackedMessages, ledger.unackedBytes]).toEqual([0n, 0, 0]);
  });

  it('becomes the position of a logical message outside transactions once that is settled', () => {
    const { ledger } = createLedger(WIDE);
    const message = ledger.openStandaloneUnit(50n, 1);
    const next = transaction(ledger, 100n);
    expect(ledger.confirmed).toBe(0n);
    message.settle();
    expect(ledger.confirmed).toBe(50n);
    settle(next);
    expect(ledger.confirmed).toBe(100n);
  });

  it('for another plugin, is the highest position of the messages settled without a gap', () => {
    const { ledger } = createLedger(WIDE);
    const deliveries = [30n, 10n, 20n, 40n].map((position) => ledger.openStandaloneUnit(position, 1));
    deliveries[3]?.settle();
    deliveries[1]?.settle();
    expect(ledger.confirmed).toBe(0n);
    deliveries[0]?.settle();
    expect(ledger.confirmed).toBe(30n);
    deliveries[2]?.settle();
    expect(ledger.confirmed).toBe(40n);
  });
});

describe('a delivery that an operator drops', () => {
  it('is settled, and confirmed like any other', () => {
    const { ledger } = createLedger(WIDE);
    const { changes, commit } = transaction(ledger, 100n);
    for (const delivery of [...changes, commit]) delivery.discard();
    expect([ledger.confirmed, ledger.unackedMessages, commit.settle()]).toEqual([100n, 0, true]);
  });

  it('is not confirmed if it lies beyond a stop', () => {
    const { ledger } = createLedger(WIDE);
    const beyond = ledger.openStandaloneUnit(100n, 1);
    ledger.stopBefore(beyond);
    beyond.discard();
    expect([beyond.settle(), ledger.confirmed]).toEqual([false, 0n]);
  });
});

describe('a keepalive', () => {
  it('is confirmed at once when nothing is outstanding', () => {
    const { ledger } = createLedger(WIDE);
    ledger.recordDelivered(70n);
    expect(ledger.confirmed).toBe(70n);
  });

  it('that arrives while work is running is confirmed when that work ends', () => {
    const { ledger } = createLedger(WIDE);
    const work = transaction(ledger, 100n);
    ledger.recordDelivered(500n);
    expect(ledger.confirmed).toBe(0n);
    settle(work);
    expect(ledger.confirmed).toBe(500n);
  });

  it('waits for the deliveries before it, and for none after it', () => {
    const { ledger } = createLedger(WIDE);
    const [before, after] = [transaction(ledger, 100n), (ledger.recordDelivered(150n), transaction(ledger, 200n))];
    settle(after);
    expect(ledger.confirmed).toBe(0n);
    settle(before);
    expect(ledger.confirmed).toBe(200n);

    const other = createLedger(WIDE).ledger;
    const first = transaction(other, 100n);
    other.recordDelivered(150n);
    transaction(other, 200n);
    settle(first);
    expect(other.confirmed).toBe(150n);
  });

  it('in the middle of a transaction waits for the end of the transaction, even if its position is far ahead', () => {
    const { ledger } = createLedger(WIDE);
    ledger.begin();
    ledger.change(1).settle();
    ledger.recordDelivered(9999n);
    const change = ledger.change(1);
    change.settle();
    expect(ledger.confirmed).toBe(0n);
    const commit = ledger.commit(100n, 1);
    expect(ledger.confirmed).toBe(0n);
    commit.settle();
    expect(ledger.confirmed).toBe(9999n);
  });

  it('between Begin and the first change waits for the end of the transaction', () => {
    const { ledger } = createLedger(WIDE);
    ledger.begin();
    ledger.recordDelivered(9999n);
    expect(ledger.confirmed).toBe(0n);
    ledger.commit(100n, 1);
    expect(ledger.confirmed).toBe(9999n);
  });

  it('confirms the highest position of several, as their positions can decrease', () => {
    const { ledger } = createLedger(WIDE);
    const work = transaction(ledger, 100n);
    for (const walEnd of [300n, 200n, 250n]) ledger.recordDelivered(walEnd);
    settle(work);
    expect(ledger.confirmed).toBe(300n);
  });

  it('does not count against the window', () => {
    const { ledger } = createLedger({ messages: 1, bytes: 1 });
    for (let i = 1n; i < 100n; i++) ledger.recordDelivered(i);
    expect([ledger.isFull(), ledger.unackedMessages, ledger.unackedBytes]).toEqual([false, 0, 0]);
  });
});
