import type { SystemIdentity } from '../../lib/commands/slot-commands';
import { SlotMemory } from '../../lib/commands/slot-memory';
import { slotAt } from './support/slot-at';

const IDENTITY: SystemIdentity = { systemId: 'one', timeline: 3, walPosition: 1000n, database: 'shop' };
const SOURCE = { systemId: 'one', timeline: 3, slot: 'orders' };

/** An observable that has seen the slot at some position. */
function remembering(confirmedFlushLsn?: bigint): SlotMemory {
  const memory = new SlotMemory();
  memory.see(slotAt(confirmedFlushLsn), IDENTITY);
  return memory;
}

describe("an observable's memory of its slot", () => {
  it('is empty at first', () => {
    expect(new SlotMemory().position).toBeUndefined();
  });

  it('takes the slot over wherever it stands', () => {
    const memory = remembering(500n);
    expect([memory.position, memory.furthest]).toEqual([{ lsn: 0n, source: SOURCE }, 500n]);
    expect(remembering().furthest).toBe(0n);
  });

  it('keeps the highest position that was confirmed', () => {
    const memory = remembering(6n);
    for (const lsn of [5n, 9n, 7n, 0n]) memory.confirm(lsn);
    expect([memory.position?.lsn, memory.furthest]).toEqual([9n, 9n]);
  });

  it('knows on which timeline the last stream was', () => {
    const memory = remembering(500n);
    memory.confirm(900n);
    memory.see(slotAt(100n), { ...IDENTITY, timeline: 4 });
    expect(memory.position).toEqual({ lsn: 900n, source: { ...SOURCE, timeline: 4 } });
  });

  it('knows whether the last stream was from a standby', () => {
    const memory = remembering();
    memory.see(slotAt(100n), { ...IDENTITY, standby: true });
    expect(memory.position?.source).toStrictEqual({ ...SOURCE, standby: true });
    memory.see(slotAt(100n), { ...IDENTITY, standby: false });
    expect(memory.position?.source).toStrictEqual(SOURCE);
  });

  it('is not led on by a later sight of the slot', () => {
    const memory = remembering(500n);
    memory.see(slotAt(700n), IDENTITY);
    expect(memory.furthest).toBe(500n);
  });
});
