import type { DeliveringLedger as Ledger } from './support/delivering-ledger';
import { createLedger } from './support/create-ledger';
import { WIDE, transaction, gathered, settle } from './support/ledger-transactions';

describe('the reason why the slot does not advance', () => {
  function getReason(run: (ledger: Ledger) => void): string | undefined {
    const { ledger } = createLedger(WIDE);
    run(ledger);
    return ledger.stalled?.reason;
  }

  it('is undefined when the subscriber has nothing to acknowledge', () => {
    expect(getReason(() => undefined)).toBeUndefined();
    expect(getReason((ledger) => ledger.begin())).toBeUndefined();
    expect(getReason((ledger) => settle(transaction(ledger, 100n)))).toBeUndefined();
  });

  it('is undefined while a transaction arrives whose changes are all settled or gathered', () => {
    expect(
      getReason((ledger) => {
        ledger.begin();
        ledger.change(1).settle();
        ledger.change(1).gather();
      }),
    ).toBeUndefined();
  });

  it('states that the Commit is acknowledged and changes are not', () => {
    expect(getReason((ledger) => transaction(ledger, 100n, 12).commit.settle())).toBe(
      'commit acknowledged, 12 changes not',
    );
    expect(getReason((ledger) => transaction(ledger, 100n, 1).commit.settle())).toBe(
      'commit acknowledged, 1 change not',
    );
  });

  it('states that changes are acknowledged and their Commit is not', () => {
    const reason = getReason((ledger) => {
      for (const change of transaction(ledger, 100n, 3).changes) change.settle();
    });
    expect(reason).toBe('all changes acknowledged, their commit not');
  });

  it('states that neither the Commit nor the changes are acknowledged', () => {
    expect(getReason((ledger) => transaction(ledger, 100n, 2))).toBe('commit and 2 changes not acknowledged');
    expect(getReason((ledger) => transaction(ledger, 100n, 2).changes[0]?.settle())).toBe(
      'commit and 1 change not acknowledged',
    );
  });

  it('states that changes of a transaction are not acknowledged whose commit is not received yet', () => {
    const reason = getReason((ledger) => {
      ledger.begin();
      ledger.change(1);
      ledger.change(1);
    });
    expect(reason).toBe('2 changes not acknowledged, of a transaction whose commit is not received yet');
  });

  it('states that a message outside transactions is not acknowledged', () => {
    expect(getReason((ledger) => ledger.openStandaloneUnit(100n, 1))).toBe('a message is not acknowledged');
  });

  it('states that a gathered transaction is not acknowledged', () => {
    expect(getReason((ledger) => gathered(ledger, 100n, 3))).toBe('a transaction is not acknowledged');
  });

  it('states that changes were removed from a gathered transaction and not acknowledged', () => {
    const reason = getReason((ledger) => {
      ledger.begin();
      ledger.change(1);
      ledger.change(1).gather();
      ledger.commit(100n, 1).group().settle();
    });
    expect(reason).toBe('transaction acknowledged, but 1 change that a filter removed from it not');
  });

  it('belongs to the oldest unacknowledged change, with the same unit and index until that is settled', () => {
    const { ledger } = createLedger(WIDE);
    const { changes } = transaction(ledger, 100n, 3);
    const before = ledger.stalled;
    changes[1]?.settle();
    expect(ledger.stalled).toMatchObject({ unit: before?.unit, index: before?.index });
    changes[0]?.settle();
    expect(ledger.stalled).toMatchObject({ unit: before?.unit, index: 2 });
  });

  it('belongs to the oldest unacknowledged transaction, and is unchanged until that is settled', () => {
    const { ledger } = createLedger(WIDE);
    const [first, second] = [transaction(ledger, 100n), transaction(ledger, 200n)];
    const before = ledger.stalled;
    settle(second);
    expect(ledger.stalled).toEqual(before);
    transaction(ledger, 300n);
    settle(first);
    expect(ledger.stalled?.unit).not.toBe(before?.unit);
  });

  it('is undefined for a message beyond a stop', () => {
    expect(getReason((ledger) => ledger.stopBefore(ledger.openStandaloneUnit(100n, 1)))).toBeUndefined();
  });
});
