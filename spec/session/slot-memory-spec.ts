import type { SlotStatus } from '../../lib/session/slot-commands';
import { SlotMemory } from '../../lib/session/slot-memory';
import { failure } from '../wire/failure';

function slotAt(confirmedFlushLsn: bigint | undefined): SlotStatus {
  return {
    name: 'orders',
    plugin: 'pgoutput',
    type: 'logical',
    database: 'shop',
    temporary: false,
    active: false,
    activePid: undefined,
    restartLsn: undefined,
    confirmedFlushLsn,
    walStatus: 'reserved',
    lagBytes: undefined,
  };
}

describe("an observable's memory of its slot", () => {
  it('is empty at first', () => {
    const memory = new SlotMemory();
    expect([memory.seen, memory.confirmed]).toEqual([false, 0n]);
  });

  it('keeps the highest position that was confirmed', () => {
    const memory = new SlotMemory();
    for (const lsn of [5n, 9n, 7n, 0n]) memory.confirm(lsn);
    expect(memory.confirmed).toBe(9n);
  });

  it('takes the slot over wherever it stands', () => {
    const memory = new SlotMemory();
    memory.check(slotAt(500n));
    memory.see(slotAt(500n), 'one');
    expect([memory.seen, memory.confirmed]).toEqual([true, 0n]);
    memory.check(slotAt(500n));
  });

  it('notices a slot that stands beyond where it was found and beyond what was confirmed', () => {
    const memory = new SlotMemory();
    memory.see(slotAt(500n), 'one');
    expect(failure(() => memory.check(slotAt(501n)))).toMatchObject({ code: 'SLOT_MOVED' });
    memory.confirm(600n);
    memory.check(slotAt(501n));
    memory.check(slotAt(600n));
    expect(failure(() => memory.check(slotAt(601n)))).toMatchObject({ code: 'SLOT_MOVED' });
  });

  it('minds no slot that has gone back, as after a crash of the server', () => {
    const memory = new SlotMemory();
    memory.see(slotAt(500n), 'one');
    memory.confirm(900n);
    memory.check(slotAt(100n));
    memory.see(slotAt(100n), 'one');
    expect(memory.confirmed).toBe(900n);
  });

  it('is not led on by a later sight of the slot', () => {
    const memory = new SlotMemory();
    memory.see(slotAt(500n), 'one');
    memory.see(slotAt(700n), 'one');
    expect(failure(() => memory.check(slotAt(700n)))).toMatchObject({ code: 'SLOT_MOVED' });
  });

  it('has nothing to say of a slot without a position', () => {
    const memory = new SlotMemory();
    memory.see(slotAt(undefined), 'one');
    memory.check(slotAt(undefined));
    expect(memory.seen).toBe(true);
  });

  it('is of no use on another cluster, where its position could lie beyond what was never delivered', () => {
    const memory = new SlotMemory();
    memory.recognise('one');
    memory.see(slotAt(500n), 'one');
    memory.recognise('one');
    expect(failure(() => memory.recognise('two'))).toMatchObject({ code: 'SLOT_LOST', retryable: false });
  });

  it('names a slot that is gone', () => {
    expect(failure(() => new SlotMemory().lost('orders'))).toMatchObject({
      code: 'SLOT_LOST',
      message: expect.stringContaining('"orders"'),
    });
  });
});
