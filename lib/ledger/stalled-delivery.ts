import type { CommitUnit } from './commit-unit';

/** The oldest delivery that is not settled; nothing is confirmed until it is. */
export interface StalledDelivery {
  /** Identifies the delivery. */
  readonly sequence: number;
  readonly reason: string;
}

/** Which part of the unit is not acknowledged, as a clause for warnings and errors. */
export function getStallReason(unit: CommitUnit): string {
  const { commit, group } = unit;
  if (unit.prepared && (group ?? commit)?.settled === false) return 'a prepared transaction is not acknowledged';
  if (group && !group.settled) return 'a transaction is not acknowledged';
  if (unit.changes === 0 && !commit) return 'a message is not acknowledged';
  const changes = unit.unacked - (commit && !commit.settled ? 1 : 0);
  const count = changes === 1 ? '1 change' : `${changes} changes`;
  if (group) return `transaction acknowledged, but ${count} that a filter removed from it not`;
  if (!commit) return `${count} not acknowledged, of a transaction whose commit is not received yet`;
  if (commit.settled) return `commit acknowledged, ${count} not`;
  return changes === 0 ? 'all changes acknowledged, their commit not' : `commit and ${count} not acknowledged`;
}

const ACKNOWLEDGE =
  'Call ack() on each message, or put ackAfter(work) last in the pipe, which calls it. In place of filter(), use ofTable(), which acknowledges the messages that it drops.';

/** Returns the remedy for a unit that the program does not acknowledge. */
export function getStallRemedy({ group, prepared }: CommitUnit): string {
  if (prepared && group?.settled !== true)
    return `Acknowledge a prepared transaction once its changes are stored, or set concurrent of ackAfter above the number of prepared transactions that are kept waiting. ${ACKNOWLEDGE}`;
  if (!group) return ACKNOWLEDGE;
  return group.settled
    ? `Also acknowledge the changes that were removed before transactions(). ${ACKNOWLEDGE}`
    : `Acknowledge every transaction: do not use filter() after transactions(), and keep ack in the results of map(). ${ACKNOWLEDGE}`;
}
