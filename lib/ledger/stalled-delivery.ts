import type { CommitUnit } from './commit-unit';

/** The oldest delivery that is not settled; nothing is confirmed until it is. */
export interface StalledDelivery {
  /** Its unit, and its index there, identify the delivery. */
  readonly unit: object;
  readonly index: number;
  readonly reason: string;
}

/** @param unit one with an unacknowledged delivery */
export function describeStalled(unit: CommitUnit): StalledDelivery {
  return { unit, index: unit.settled.next, reason: getStallReason(unit) };
}

/** Which part of the unit is not acknowledged, as a clause for warnings and errors. */
function getStallReason(unit: CommitUnit): string {
  const { isEndSettled, isGroup } = unit;
  if (isEndSettled === false && unit.prepared) return 'a prepared transaction is not acknowledged';
  if (isEndSettled === false && isGroup) return 'a transaction is not acknowledged';
  if (unit.changes === 0 && isEndSettled === undefined) return 'a message is not acknowledged';
  const changes = unit.unacked - (isEndSettled === false ? 1 : 0);
  const count = changes === 1 ? '1 change' : `${changes} changes`;
  if (isGroup) return `transaction acknowledged, but ${count} that a filter removed from it not`;
  if (isEndSettled === undefined) return `${count} not acknowledged, of a transaction whose commit is not received yet`;
  if (isEndSettled) return `commit acknowledged, ${count} not`;
  return changes === 0 ? 'all changes acknowledged, their commit not' : `commit and ${count} not acknowledged`;
}

const ACKNOWLEDGE =
  'Call ack() on each message, or put ackAfter(work) last in the pipe, which calls it. In place of filter(), use ofTable(), which acknowledges the messages that it drops.';

/** Returns the remedy for a unit that the program does not acknowledge. */
export function getStallRemedy({ isEndSettled, isGroup, prepared }: CommitUnit): string {
  if (prepared && !(isGroup && isEndSettled))
    return 'Acknowledge a prepared transaction once its changes are stored, or set concurrent of ackAfter above the number of prepared transactions that are kept waiting.';
  if (!isGroup) return ACKNOWLEDGE;
  return isEndSettled
    ? 'Remove no changes before transactions(): choose inside the work of ackAfter.'
    : 'Acknowledge every transaction: put ackAfter(work) last in the pipe, choose inside the work in place of filter(), and keep ack in the results of map().';
}
