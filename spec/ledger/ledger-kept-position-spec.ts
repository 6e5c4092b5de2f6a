import type { DeliveringLedger as Ledger, LedgerDelivery } from './support/delivering-ledger';
import { ledgerOf } from './support/ledger-of';
import { WIDE, transaction, gathered, settle } from './support/ledger-transactions';

describe('where the consumer keeps the position', () => {
  function consumers(limits = WIDE): { ledger: Ledger; told: string[] } {
    return ledgerOf(limits, 'consumer');
  }

  it('what the subscriber has settled is confirmed, in the order in which it came', () => {
    const { ledger } = consumers();
    const [first, group, single] = [
      transaction(ledger, 100n),
      gathered(ledger, 200n),
      ledger.openStandaloneUnit(250n, 1),
    ];
    group.settle();
    single.settle();
    expect(ledger.confirmed).toBe(0n);
    settle(first);
    expect([ledger.confirmed, ledger.settled]).toEqual([250n, true]);
  });

  it('what an operator has dropped is done, and confirmed only by what the subscriber settles behind it', () => {
    const { ledger, told } = consumers();
    const { changes, commit } = transaction(ledger, 100n);
    for (const entry of [...changes, commit, ledger.openStandaloneUnit(150n, 1)]) entry.discard();
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
    const single = ledger.openStandaloneUnit(100n, 1);
    single.settle();
    single.discard();
    expect(ledger.confirmed).toBe(100n);
    const dropped = ledger.openStandaloneUnit(200n, 1);
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
    ledger.recordDelivered(50n);
    const work = transaction(ledger, 100n);
    ledger.recordDelivered(500n);
    ledger.openKeepalive(600n);
    settle(work);
    ledger.recordDelivered(700n);
    expect(ledger.confirmed).toBe(100n);
  });

  it('a keepalive is confirmed as soon as it is acknowledged, when nothing is outstanding', () => {
    const { ledger, told } = consumers();
    const entry = ledger.openKeepalive(500n);
    expect([entry.isProgress, ledger.settled, ledger.unackedMessages]).toEqual([true, true, 0]);
    expect(entry.settle()).toBe(true);
    expect([ledger.confirmed, told]).toEqual([500n, ['advanced']]);
  });

  it('a keepalive that is acknowledged during work counts when that work is done', () => {
    const { ledger } = consumers();
    const [first, second] = [transaction(ledger, 100n), transaction(ledger, 200n)];
    const entry = ledger.openKeepalive(500n);
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
    const entry = ledger.openKeepalive(500n);
    transaction(ledger, 600n);
    settle(work);
    expect([ledger.confirmed, told]).toEqual([100n, ['advanced']]);
    expect(entry.settle()).toBe(true);
    expect([ledger.confirmed, told]).toEqual([500n, ['advanced', 'advanced']]);
  });

  it('a keepalive behind what was dropped confirms that as well', () => {
    const { ledger } = consumers();
    const dropped = ledger.openStandaloneUnit(100n, 1);
    const entry = ledger.openKeepalive(500n);
    entry.settle();
    expect(ledger.confirmed).toBe(0n);
    dropped.discard();
    expect(ledger.confirmed).toBe(500n);
  });

  it('keepalives that are acknowledged out of turn never take it back', () => {
    const { ledger } = consumers();
    const entries = [100n, 300n, 200n].map((walEnd) => ledger.openKeepalive(walEnd));
    for (const entry of entries.reverse()) expect(entry.settle()).toBe(true);
    expect(ledger.confirmed).toBe(300n);
  });

  it('a keepalive that was dropped, or gathered, confirms nothing', () => {
    const { ledger } = consumers();
    const entry = ledger.openKeepalive(500n);
    entry.discard();
    entry.gather();
    expect([ledger.confirmed, ledger.settled]).toEqual([0n, true]);
  });

  it('a progress that was made a delivery weighs one, is waited for, and keeps its place', () => {
    const { ledger } = consumers({ messages: 2, bytes: 100 });
    const work = gathered(ledger, 100n);
    const progress = ledger.openKeepalive(500n).group();
    expect([ledger.unackedMessages, ledger.isFull(), ledger.settled]).toEqual([2, true, false]);
    progress.settle();
    expect(ledger.confirmed).toBe(0n);
    work.settle();
    expect([ledger.confirmed, ledger.settled, ledger.isFull()]).toEqual([500n, true, false]);
  });

  it('a progress that was made a delivery holds up what comes behind it', () => {
    const { ledger } = consumers();
    const progress = ledger.openKeepalive(500n).group();
    gathered(ledger, 600n).settle();
    expect([ledger.confirmed, ledger.stalled?.reason]).toEqual([0n, 'a message is not acknowledged']);
    progress.settle();
    expect(ledger.confirmed).toBe(600n);
  });

  function discarded(ledger: Ledger, position: bigint): LedgerDelivery {
    const entry = ledger.openStandaloneUnit(position, 1);
    entry.discard();
    return entry;
  }

  it.each<[what: string, deliver: (ledger: Ledger) => void, confirmableLsn: bigint]>([
    ['nothing more than is confirmed, when nothing is in hand', () => undefined, 50n],
    ['a transaction in hand', (ledger) => transaction(ledger, 100n), 100n],
    ['a gathered transaction in hand', (ledger) => gathered(ledger, 100n), 100n],
    ['the last of several', (ledger) => [transaction(ledger, 100n), gathered(ledger, 200n)], 200n],
    [
      'the last of several, though it is done',
      (ledger) => [transaction(ledger, 100n), gathered(ledger, 200n).settle()],
      200n,
    ],
    ['a progress in hand', (ledger) => ledger.openKeepalive(300n).group(), 300n],
    ['no transaction that has not ended', (ledger) => [ledger.begin(), ledger.change(1)], 50n],
    ['no empty transaction', (ledger) => transaction(ledger, 100n, 0), 50n],
    [
      'no empty transaction behind one in hand',
      (ledger) => [transaction(ledger, 100n), transaction(ledger, 200n, 0)],
      50n,
    ],
    ['nothing that was dropped', (ledger) => [transaction(ledger, 100n), discarded(ledger, 200n)], 50n],
  ])('what the deliveries will confirm by themselves is %s', (_, deliver, confirmableLsn) => {
    const { ledger } = consumers();
    ledger.openKeepalive(50n).settle();
    deliver(ledger);
    expect([ledger.confirmableLsn, ledger.confirmed]).toEqual([confirmableLsn, 50n]);
  });

  it('is not confirmed up to a stop: nobody stores the position that it names', () => {
    const { ledger, told } = consumers();
    const work = transaction(ledger, 100n);
    ledger.stopAfter(ledger.openSettled(), 150n);
    settle(work);
    expect([ledger.confirmed, ledger.settled, told]).toEqual([100n, true, ['stop', 'advanced']]);
    const other = consumers().ledger;
    other.stopBefore(other.begin(), 150n);
    expect([other.confirmed, other.settled]).toEqual([0n, true]);
  });

  it('a keepalive at which it stops can be acknowledged, one that lies beyond a stop cannot', () => {
    const { ledger } = consumers();
    const work = transaction(ledger, 100n);
    const last = ledger.openKeepalive(500n);
    ledger.stopAfter(last, 450n);
    const beyond = (ledger.openStandaloneUnit(600n, 1), ledger.openKeepalive(700n));
    expect([last.settle(), beyond.settle()]).toEqual([true, false]);
    settle(work);
    expect([ledger.confirmed, ledger.settled]).toEqual([500n, true]);
    expect(beyond.settle()).toBe(false);
    expect(ledger.confirmed).toBe(500n);
  });

  it('a progress beyond a stop can be acknowledged neither', () => {
    const { ledger } = consumers();
    ledger.stopBefore(ledger.begin());
    expect([ledger.openKeepalive(500n).group().settle(), ledger.confirmed]).toEqual([false, 0n]);
  });

  it('a keepalive that is acknowledged after the end came too late; one that was in time stays so', () => {
    const { ledger, told } = consumers();
    const [early, late, delivery] = [
      ledger.openKeepalive(100n),
      ledger.openKeepalive(200n),
      ledger.openKeepalive(300n).group(),
    ];
    early.settle();
    ledger.close();
    told.length = 0;
    expect([early, late, delivery].map((entry) => entry.settle())).toEqual([true, false, false]);
    expect([ledger.confirmed, told]).toEqual([100n, []]);
  });
});
