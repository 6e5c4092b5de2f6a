import type { SystemIdentity } from '../../lib/commands/slot-commands';
import { ResumeState } from '../../lib/commands/resume-state';
import { slotAt } from './support/slot-at';

const IDENTITY: SystemIdentity = { systemId: 'one', timeline: 3, walPosition: 1000n, database: 'shop' };
const SOURCE = { systemId: 'one', timeline: 3, slot: 'orders' };

/** The state of an observable that has seen the slot at a position. */
function remembering(confirmedFlushLsn?: bigint): ResumeState {
  const memory = new ResumeState();
  memory.recordStart(slotAt(confirmedFlushLsn), IDENTITY);
  return memory;
}

describe('the resume state of an observable', () => {
  it('is empty at first', () => {
    expect(new ResumeState().position).toBeUndefined();
  });

  it('accepts the slot at any position at first', () => {
    const memory = remembering(500n);
    expect([memory.position, memory.furthestLsn]).toEqual([{ lsn: 0n, source: SOURCE }, 500n]);
    expect(remembering().furthestLsn).toBe(0n);
  });

  it('keeps the highest confirmed position', () => {
    const memory = remembering(6n);
    for (const lsn of [5n, 9n, 7n, 0n]) memory.recordConfirmed(lsn);
    expect([memory.position?.lsn, memory.furthestLsn]).toEqual([9n, 9n]);
  });

  it('has the timeline of the last stream', () => {
    const memory = remembering(500n);
    memory.recordConfirmed(900n);
    memory.recordStart(slotAt(100n), { ...IDENTITY, timeline: 4 });
    expect(memory.position).toEqual({ lsn: 900n, source: { ...SOURCE, timeline: 4 } });
  });

  it('has whether the last stream was from a standby', () => {
    const memory = remembering();
    memory.recordStart(slotAt(100n), { ...IDENTITY, standby: true });
    expect(memory.position?.source).toStrictEqual({ ...SOURCE, standby: true });
    memory.recordStart(slotAt(100n), { ...IDENTITY, standby: false });
    expect(memory.position?.source).toStrictEqual(SOURCE);
  });

  it('is not changed by a later position of the slot', () => {
    const memory = remembering(500n);
    memory.recordStart(slotAt(700n), IDENTITY);
    expect(memory.furthestLsn).toBe(500n);
  });
});
