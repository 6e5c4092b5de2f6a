import type { StartPosition, StreamSource } from '../ledger/checkpoint';
import type { ErrorCode } from '../common/error-codes';
import { ReplicationError } from '../common/errors';
import { formatLsn, type Lsn } from '../common/lsn';
import type { ProtocolRoutine } from './protocol-routine';
import type { PositionOwner } from '../ledger/unit-ledger';
import { fetchTimelineHistory, type SlotStatus, type SystemIdentity } from './slot-commands';
import type { ResumeState } from './resume-state';
import { createStandbyError } from './standby';

/** The server that a stream is to start on. */
export interface StreamServer extends SystemIdentity {
  readonly standby?: boolean;
}

/** The position that a stream resumes from, and the check that nothing is skipped from there. */
export interface ResumePoint {
  readonly position: StartPosition;
  /** @throws when the position does not exist on this server, or when the slot has passed it or no longer exists */
  check(server: StreamServer, slot: string, found: SlotStatus | undefined): ProtocolRoutine<void>;
}

/** Creates the resume point for the position that this observable has confirmed. */
export function createStateResumePoint(position: StartPosition, resumeState: ResumeState): ResumePoint {
  return {
    position,
    *check(server, slot, found) {
      const mismatch = yield* findMismatch(position, server, found);
      if (mismatch) throw createMismatchError('SLOT_LOST', 'The last confirmed position', position, mismatch);
      if (!found) throw createSlotGoneError(slot);
      const { confirmedFlushLsn = 0n } = found;
      if (confirmedFlushLsn <= resumeState.furthestLsn) return;
      const positions = `is at ${formatLsn(confirmedFlushLsn)}, but this stream confirmed only up to ${formatLsn(resumeState.furthestLsn)}`;
      throw new ReplicationError('SLOT_MOVED', `Replication slot "${slot}" ${positions}`);
    },
  };
}

/**
 * Creates the resume point for a position that the consumer gave.
 *
 * @param owner `consumer` for a position from a store, `slot` for a fixed position
 */
export function createConsumerResumePoint(position: StartPosition, owner: PositionOwner): ResumePoint {
  const { lsn, source } = position;
  return {
    position,
    *check(server, slot, found) {
      const mismatch =
        source && source.slot !== slot
          ? { what: `was stored for slot "${source.slot}", not for "${slot}"` }
          : yield* findMismatch(position, server, found);
      if (mismatch) throw createMismatchError('CHECKPOINT_MISMATCH', 'The start position', position, mismatch);
      if (!found && owner === 'consumer') throw createSlotGoneError(slot);
      const confirmedFlushLsn = found?.confirmedFlushLsn ?? 0n;
      if (confirmedFlushLsn <= lsn) return;
      const positions = `is at ${formatLsn(confirmedFlushLsn)}, ahead of the start position ${formatLsn(lsn)}`;
      throw new ReplicationError('SLOT_AHEAD', `Replication slot "${slot}" ${positions}`);
    },
  };
}

function createSlotGoneError(slot: string): ReplicationError {
  return new ReplicationError('SLOT_LOST', `Replication slot "${slot}" no longer exists`);
}

/** Why the stream cannot resume from a position. */
interface Mismatch {
  readonly what: string;
  /** Whether the standby only has to catch up. */
  readonly behind?: true;
}

function createMismatchError(
  code: ErrorCode,
  subject: string,
  { lsn }: StartPosition,
  { what, behind }: Mismatch,
): Error {
  const summary = `${subject}, ${formatLsn(lsn)}, ${what}`;
  return behind
    ? createStandbyError(summary, 'Wait until the standby has caught up')
    : new ReplicationError(code, summary);
}

/** Finds why a position is not in this server's WAL. */
function* findMismatch(
  position: StartPosition,
  server: StreamServer,
  found: SlotStatus | undefined,
): ProtocolRoutine<Mismatch | undefined> {
  const { lsn, source } = position;
  const { systemId, timeline, walPosition, standby } = server;
  if (source && source.systemId !== systemId) {
    return { what: `is of another cluster (system identifier ${source.systemId}; this cluster has ${systemId})` };
  }
  if (source && source.timeline > timeline) {
    if (standby)
      return { what: `is of timeline ${source.timeline}, but this standby is on timeline ${timeline}`, behind: true };
    return describeUnknownTimeline(source, timeline);
  }
  if (source && source.timeline < timeline) {
    const mismatch = findTimelineMismatch(lsn, source, timeline, yield* fetchTimelineHistory(timeline), found);
    if (mismatch) return mismatch;
  }
  if (lsn <= walPosition) return undefined;
  // After a restart, a standby replays WAL again.
  if (standby)
    return { what: `is beyond the last replayed position of this standby, ${formatLsn(walPosition)}`, behind: true };
  return { what: `is beyond the end of this server's WAL, ${formatLsn(walPosition)}` };
}

function describeUnknownTimeline({ timeline }: StreamSource, present: number): Mismatch {
  return { what: `is of timeline ${timeline}, which is not in the history of this server's timeline ${present}` };
}

/** Finds whether a position of an earlier timeline is beyond the LSN at which this server left that timeline. */
function findTimelineMismatch(
  lsn: Lsn,
  source: StreamSource,
  present: number,
  history: ReadonlyMap<number, Lsn>,
  found: SlotStatus | undefined,
): Mismatch | undefined {
  const end = history.get(source.timeline);
  if (end === undefined) return describeUnknownTimeline(source, present);
  if (lsn <= end) return undefined;
  if (source.standby && isConfirmedHere(lsn, found)) return undefined;
  return {
    what: `is beyond ${formatLsn(end)}, where this server switched from timeline ${source.timeline} to the next`,
  };
}

/**
 * Whether the slot has confirmed the position. A stream from a standby continues when the standby is promoted, and its
 * positions still have the earlier timeline. If they are from this server, they were confirmed to its slot. A slot that is
 * further behind may have been created after the promotion, and the position may be from another server.
 */
function isConfirmedHere(lsn: Lsn, found: SlotStatus | undefined): boolean {
  const { confirmedFlushLsn = 0n, synced } = found ?? {};
  // A synchronized slot could not be used while the server was a standby.
  return !synced && confirmedFlushLsn >= lsn;
}
