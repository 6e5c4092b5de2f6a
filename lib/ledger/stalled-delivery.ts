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
  if (group) return `transaction acknowledged, ${count} left out of it not`;
  if (!commit) return `${count} not acknowledged, of a transaction whose commit has not come yet`;
  if (commit.settled) return `commit acknowledged, ${count} not`;
  return changes === 0 ? 'all changes acknowledged, their commit not' : `commit and ${count} not acknowledged`;
}

const ACKNOWLEDGE =
  'Call ack() on each message, or put ackAfter(work) at the end of the pipe, which does; where filter() drops messages of tables, use ofTable(), which settles them.';

/** Returns the remedy for a unit that the program does not acknowledge. */
export function getStallRemedy({ group, prepared }: CommitUnit): string {
  if (prepared && group?.settled !== true)
    return `Acknowledge it once its changes are stored, or give ackAfter a concurrent above the number that you hold. ${ACKNOWLEDGE}`;
  if (!group) return ACKNOWLEDGE;
  return group.settled
    ? `What was left out of a transaction has to be acknowledged as well. ${ACKNOWLEDGE}`
    : `Let the work see every transaction: filter() behind transactions() drops them, and what map() makes of one has to keep its ack. ${ACKNOWLEDGE}`;
}
