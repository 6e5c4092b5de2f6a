import type { StartPosition } from '../checkpoint';
import { ReplicationError } from '../errors';
import { formatLsn, type Lsn } from '../lsn';
import type { Conversation } from './conversation';
import type { PositionKeeper } from './ledger';
import { timelineHistory, type SlotStatus, type SystemIdentity } from './slot-commands';
import type { SlotMemory } from './slot-memory';

/** Where a stream goes on from, and what is wrong when it cannot: nothing may be skipped silently. */
export interface Resumption {
  readonly position: StartPosition;
  /** @throws when the position means nothing on this server, or when the slot has moved past it or is gone */
  check(identity: SystemIdentity, slot: string, found: SlotStatus | undefined): Conversation<void>;
}

/** From what this observable itself has confirmed. */
export function fromMemory(position: StartPosition, memory: SlotMemory): Resumption {
  return {
    position,
    *check(identity, slot, found) {
      const complaint = yield* mismatch(position, identity);
      if (complaint) throw new ReplicationError('SLOT_LOST', `What was confirmed last, ${complaint}`);
      if (!found) throw gone(slot);
      const { confirmedFlushLsn = 0n } = found;
      if (confirmedFlushLsn <= memory.furthest) return;
      const positions = `stands at ${formatLsn(confirmedFlushLsn)}, but this stream confirmed no more than ${formatLsn(memory.furthest)}`;
      throw new ReplicationError('SLOT_MOVED', `Replication slot "${slot}" ${positions}`);
    },
  };
}

/**
 * From a position that the consumer asks for.
 *
 * @param keeper whether it was stored while the slot was read, or just given
 */
export function fromConsumer(position: StartPosition, keeper: PositionKeeper): Resumption {
  const { lsn, source } = position;
  return {
    position,
    *check(identity, slot, found) {
      const complaint =
        source && source.slot !== slot
          ? `${formatLsn(lsn)}, was stored for slot "${source.slot}", not for "${slot}"`
          : yield* mismatch(position, identity);
      if (complaint) throw new ReplicationError('CHECKPOINT_MISMATCH', `The position to start from, ${complaint}`);
      if (!found && keeper === 'consumer') throw gone(slot);
      const confirmedFlushLsn = found?.confirmedFlushLsn ?? 0n;
      if (confirmedFlushLsn <= lsn) return;
      const positions = `stands at ${formatLsn(confirmedFlushLsn)}, ahead of the position to start from, ${formatLsn(lsn)}`;
      throw new ReplicationError('SLOT_AHEAD', `Replication slot "${slot}" ${positions}`);
    },
  };
}

function gone(slot: string): ReplicationError {
  return new ReplicationError('SLOT_LOST', `Replication slot "${slot}" does not exist any more`);
}

/** Why a position cannot be found in this server's WAL. */
function* mismatch({ lsn, source }: StartPosition, identity: SystemIdentity): Conversation<string | undefined> {
  const where = formatLsn(lsn);
  const { systemId, timeline, walPosition } = identity;
  if (source && source.systemId !== systemId) {
    return `${where}, is of another cluster (system ${source.systemId}) than this one (${systemId})`;
  }
  if (source && source.timeline !== timeline) {
    const end = yield* endOf(source.timeline, timeline);
    if (end === undefined) {
      return `${where}, is of timeline ${source.timeline}, which is none that led to this server's ${timeline}`;
    }
    if (lsn > end) {
      return `${where}, lies beyond ${formatLsn(end)}, where this server left timeline ${source.timeline} for another`;
    }
  }
  if (lsn > walPosition) return `${where}, lies beyond the end of this server's WAL, ${formatLsn(walPosition)}`;
  return undefined;
}

/** Where the server left an earlier timeline; undefined when it never was on it. */
function* endOf(earlier: number, present: number): Conversation<Lsn | undefined> {
  if (earlier > present) return undefined;
  const history = yield* timelineHistory(present);
  return history.get(earlier);
}
