import type { DeliveringLedger as Ledger, LedgerDelivery } from './support/delivering-ledger';
import { createLedger } from './support/create-ledger';
import { WIDE, transaction, gathered, settle } from './support/ledger-transactions';

describe('where the consumer owns the position', () => {
  function createConsumerLedger(limits = WIDE): { ledger: Ledger; events: string[] } {
    return createLedger(limits, 'consumer');
  }

  it('confirms what the subscriber has settled, in the order of delivery', () => {
    const { ledger } = createConsumerLedger();
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

  it('settles what an operator drops, and confirms it with the next delivery that the subscriber settles', () => {
    const { ledger, events } = createConsumerLedger();
    const { changes, commit } = transaction(ledger, 100n);
    for (const delivery of [...changes, commit, ledger.openStandaloneUnit(150n, 1)]) delivery.discard();
    expect([ledger.confirmed, ledger.settled, ledger.unackedMessages]).toEqual([0n, true, 0]);
    expect(events).toContain('advanced');
    settle(transaction(ledger, 200n));
    expect(ledger.confirmed).toBe(200n);
  });

  it('confirms a transaction of which only a part was dropped', () => {
    const { ledger } = createConsumerLedger();
    const { changes, commit } = transaction(ledger, 100n, 2);
    changes[0]?.discard();
    changes[1]?.settle();
    commit.discard();
    expect(ledger.confirmed).toBe(100n);
  });

  it('ignores dropping a settled delivery, and settling a dropped one', () => {
    const { ledger } = createConsumerLedger();
    const single = ledger.openStandaloneUnit(100n, 1);
    single.settle();
    single.discard();
    expect(ledger.confirmed).toBe(100n);
    const dropped = ledger.openStandaloneUnit(200n, 1);
    dropped.discard();
    expect([dropped.settle(), ledger.confirmed, ledger.unackedMessages]).toEqual([true, 100n, 0]);
  });

  it('an empty transaction confirms nothing, as its position is not stored', () => {
    const { ledger } = createConsumerLedger();
    transaction(ledger, 100n, 0);
    expect([ledger.confirmed, ledger.settled]).toEqual([0n, true]);
  });

  it('an unacknowledged keepalive confirms nothing, whether or not work is running', () => {
    const { ledger } = createConsumerLedger();
    ledger.recordDelivered(50n);
    const work = transaction(ledger, 100n);
    ledger.recordDelivered(500n);
    ledger.openKeepalive(600n);
    settle(work);
    ledger.recordDelivered(700n);
    expect(ledger.confirmed).toBe(100n);
  });

  it('a keepalive is confirmed as soon as it is acknowledged, when nothing is outstanding', () => {
    const { ledger, events } = createConsumerLedger();
    const delivery = ledger.openKeepalive(500n);
    expect([delivery.isProgress, ledger.settled, ledger.unackedMessages]).toEqual([true, true, 0]);
    expect(delivery.settle()).toBe(true);
    expect([ledger.confirmed, events]).toEqual([500n, ['advanced']]);
  });

  it('a keepalive that is acknowledged while work is running is confirmed when that work ends', () => {
    const { ledger } = createConsumerLedger();
    const [first, second] = [transaction(ledger, 100n), transaction(ledger, 200n)];
    const delivery = ledger.openKeepalive(500n);
    transaction(ledger, 600n);
    expect(delivery.settle()).toBe(true);
    settle(second);
    expect(ledger.confirmed).toBe(0n);
    settle(first);
    expect(ledger.confirmed).toBe(500n);
  });

  it('a keepalive that is acknowledged after the work before it is confirmed at once, whatever follows it', () => {
    const { ledger, events } = createConsumerLedger();
    const work = transaction(ledger, 100n);
    const delivery = ledger.openKeepalive(500n);
    transaction(ledger, 600n);
    settle(work);
    expect([ledger.confirmed, events]).toEqual([100n, ['advanced']]);
    expect(delivery.settle()).toBe(true);
    expect([ledger.confirmed, events]).toEqual([500n, ['advanced', 'advanced']]);
  });

  it('a keepalive after a dropped delivery confirms that as well', () => {
    const { ledger } = createConsumerLedger();
    const dropped = ledger.openStandaloneUnit(100n, 1);
    const delivery = ledger.openKeepalive(500n);
    delivery.settle();
    expect(ledger.confirmed).toBe(0n);
    dropped.discard();
    expect(ledger.confirmed).toBe(500n);
  });

  it('keepalives that are acknowledged in another order do not decrease the confirmed LSN', () => {
    const { ledger } = createConsumerLedger();
    const deliveries = [100n, 300n, 200n].map((walEnd) => ledger.openKeepalive(walEnd));
    for (const delivery of deliveries.reverse()) expect(delivery.settle()).toBe(true);
    expect(ledger.confirmed).toBe(300n);
  });

  it('a keepalive that was dropped, or gathered, confirms nothing', () => {
    const { ledger } = createConsumerLedger();
    const delivery = ledger.openKeepalive(500n);
    delivery.discard();
    delivery.gather();
    expect([ledger.confirmed, ledger.settled]).toEqual([0n, true]);
  });

  it('a progress that was made a delivery counts as one message, has to be settled, and is confirmed in its order', () => {
    const { ledger } = createConsumerLedger({ messages: 2, bytes: 100 });
    const work = gathered(ledger, 100n);
    const progress = ledger.openKeepalive(500n).group();
    expect([ledger.unackedMessages, ledger.isFull(), ledger.settled]).toEqual([2, true, false]);
    progress.settle();
    expect(ledger.confirmed).toBe(0n);
    work.settle();
    expect([ledger.confirmed, ledger.settled, ledger.isFull()]).toEqual([500n, true, false]);
  });

  it('an unacknowledged progress that was made a delivery delays the confirmation of what follows it', () => {
    const { ledger } = createConsumerLedger();
    const progress = ledger.openKeepalive(500n).group();
    gathered(ledger, 600n).settle();
    expect([ledger.confirmed, ledger.stalled?.reason]).toEqual([0n, 'a message is not acknowledged']);
    progress.settle();
    expect(ledger.confirmed).toBe(600n);
  });

  function discarded(ledger: Ledger, position: bigint): LedgerDelivery {
    const delivery = ledger.openStandaloneUnit(position, 1);
    delivery.discard();
    return delivery;
  }

  it.each<[what: string, deliver: (ledger: Ledger) => void, confirmableLsn: bigint]>([
    ['the confirmed LSN, when everything is settled', () => undefined, 50n],
    ['the end of an unsettled transaction', (ledger) => transaction(ledger, 100n), 100n],
    ['the end of an unsettled gathered transaction', (ledger) => gathered(ledger, 100n), 100n],
    [
      'the end of the last of several transactions',
      (ledger) => [transaction(ledger, 100n), gathered(ledger, 200n)],
      200n,
    ],
    [
      'the end of the last of several transactions, even if that is settled',
      (ledger) => [transaction(ledger, 100n), gathered(ledger, 200n).settle()],
      200n,
    ],
    ['the position of an unsettled progress', (ledger) => ledger.openKeepalive(300n).group(), 300n],
    ['not that of a transaction that has not ended', (ledger) => [ledger.begin(), ledger.change(1)], 50n],
    ['not that of an empty transaction', (ledger) => transaction(ledger, 100n, 0), 50n],
    [
      'not that of an empty transaction after an unsettled one',
      (ledger) => [transaction(ledger, 100n), transaction(ledger, 200n, 0)],
      50n,
    ],
    ['not that of a dropped delivery', (ledger) => [transaction(ledger, 100n), discarded(ledger, 200n)], 50n],
  ])('the LSN that the deliveries will confirm by themselves is %s', (_, deliver, confirmableLsn) => {
    const { ledger } = createConsumerLedger();
    ledger.openKeepalive(50n).settle();
    deliver(ledger);
    expect([ledger.confirmableLsn, ledger.confirmed]).toEqual([confirmableLsn, 50n]);
  });

  it("a stop's position is not confirmed, as it is not stored", () => {
    const { ledger, events } = createConsumerLedger();
    const work = transaction(ledger, 100n);
    ledger.stopAfter(ledger.openSettled(), 150n);
    settle(work);
    expect([ledger.confirmed, ledger.settled, events]).toEqual([100n, true, ['stop', 'advanced']]);
    const other = createConsumerLedger().ledger;
    other.stopBefore(other.begin(), 150n);
    expect([other.confirmed, other.settled]).toEqual([0n, true]);
  });

  it('a keepalive at a stop can be acknowledged, one beyond a stop cannot', () => {
    const { ledger } = createConsumerLedger();
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

  it('a progress beyond a stop cannot be acknowledged', () => {
    const { ledger } = createConsumerLedger();
    ledger.stopBefore(ledger.begin());
    expect([ledger.openKeepalive(500n).group().settle(), ledger.confirmed]).toEqual([false, 0n]);
  });

  it('acknowledging a keepalive after the session has closed returns false, unless it was acknowledged before', () => {
    const { ledger, events } = createConsumerLedger();
    const [early, late, delivery] = [
      ledger.openKeepalive(100n),
      ledger.openKeepalive(200n),
      ledger.openKeepalive(300n).group(),
    ];
    early.settle();
    ledger.close();
    events.length = 0;
    expect([early, late, delivery].map((delivery) => delivery.settle())).toEqual([true, false, false]);
    expect([ledger.confirmed, events]).toEqual([100n, []]);
  });
});
