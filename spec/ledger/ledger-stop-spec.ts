import { createLedger } from './support/create-ledger';
import { WIDE, transaction, gathered, settle } from './support/ledger-transactions';

describe('a stop', () => {
  it('before a transaction leaves that transaction and what follows unconfirmed', () => {
    const { ledger, events } = createLedger(WIDE);
    const first = transaction(ledger, 100n);
    const begin = ledger.begin();
    ledger.stopBefore(begin);
    expect(events).toEqual(['stop']);
    const beyond = ledger.change(1);
    expect(beyond.settle()).toBe(false);
    expect(ledger.settled).toBe(false);
    settle(first);
    expect([ledger.confirmed, ledger.settled]).toEqual([100n, true]);
    expect(beyond.settle()).toBe(false);
  });

  it('before the first transaction is settled at once', () => {
    const { ledger } = createLedger(WIDE);
    ledger.stopBefore(ledger.begin());
    expect([ledger.settled, ledger.confirmed, ledger.stalled]).toEqual([true, 0n, undefined]);
  });

  it('before a logical message leaves it unconfirmed', () => {
    const { ledger } = createLedger(WIDE);
    const message = ledger.openStandaloneUnit(100n, 1);
    ledger.stopBefore(message);
    expect(message.settle()).toBe(false);
    expect([ledger.confirmed, ledger.settled]).toEqual([0n, true]);
  });

  it('after a Commit still accepts the acknowledgements of its transaction', () => {
    const { ledger, events } = createLedger(WIDE);
    const last = transaction(ledger, 100n);
    ledger.stopAfter(last.commit);
    expect([events, ledger.settled]).toEqual([['stop'], false]);
    const beyond = transaction(ledger, 200n);
    settle(beyond);
    expect(ledger.confirmed).toBe(0n);
    settle(last);
    expect([ledger.confirmed, ledger.settled, events]).toEqual([100n, true, ['stop', 'advanced']]);
    expect(beyond.commit.settle()).toBe(false);
    expect(ledger.confirmed).toBe(100n);
  });

  it('after a keepalive confirms up to the stop once everything before it is settled, and no further', () => {
    const { ledger } = createLedger(WIDE);
    const work = transaction(ledger, 100n);
    ledger.stopAfter(ledger.openSettled(), 150n);
    expect([ledger.confirmed, ledger.settled]).toEqual([0n, false]);
    settle(work);
    expect([ledger.confirmed, ledger.settled]).toEqual([150n, true]);
  });

  it('after a keepalive confirms up to the stop at once when nothing is outstanding', () => {
    const { ledger } = createLedger(WIDE);
    ledger.stopAfter(ledger.openSettled(), 150n);
    expect([ledger.confirmed, ledger.settled]).toEqual([150n, true]);
  });

  it('is not moved by a later stop', () => {
    const { ledger } = createLedger(WIDE);
    const first = transaction(ledger, 100n);
    ledger.stopAfter(first.commit);
    const second = transaction(ledger, 200n);
    ledger.stopAfter(second.commit);
    settle(first);
    settle(second);
    expect(ledger.confirmed).toBe(100n);
  });
});

describe('after the session has closed', () => {
  it('an acknowledgement returns false and confirms nothing', () => {
    const { ledger, events } = createLedger(WIDE);
    const { changes, commit } = transaction(ledger, 100n);
    const group = gathered(ledger, 200n);
    ledger.close();
    expect([changes[0]?.settle(), commit.settle(), group.settle()]).toEqual([false, false, false]);
    expect([ledger.confirmed, events]).toEqual([0n, []]);
  });

  it('a delivery that was acknowledged before stays acknowledged', () => {
    const { ledger } = createLedger(WIDE);
    const delivered = transaction(ledger, 100n);
    settle(delivered);
    ledger.close();
    expect([delivered.commit.settle(), ledger.confirmed]).toEqual([true, 100n]);
  });

  it('a keepalive confirms nothing', () => {
    const { ledger } = createLedger(WIDE);
    ledger.close();
    ledger.recordDelivered(100n);
    expect(ledger.confirmed).toBe(0n);
  });
});
