import type { StartPosition } from '../ledger/checkpoint';
import { ConnectionError } from '../common/errors';
import { requireVersion } from './server-version';
import type { SlotStatus } from './slot-commands';
import type { ServerInfo } from './startup';

/**
 * A standby that a stream cannot use as it is: a promotion, or time, may mend that.
 *
 * @param remedy what to wait for, as a sentence that goes on
 */
export function createStandbyError(what: string, remedy: string): ConnectionError {
  const otherwise = 'or connect to the primary (target_session_attrs=primary).';
  return new ConnectionError('SESSION_ATTRS_MISMATCH', what, { remedy: `${remedy}, ${otherwise}` });
}

/**
 * Whether a slot is a primary's, which a standby only keeps a copy of. The server refuses copies of failover slots with an
 * SQLSTATE that is also the one of an invalidated slot.
 *
 * @throws {ReplicationError} `SESSION_ATTRS_MISMATCH` until the standby is promoted
 */
export function checkNotSynced(server: ServerInfo, { name, synced }: SlotStatus): void {
  if (server.standby && synced) throw createPrimarySlotError(name);
}

function createPrimarySlotError(slot: string): ConnectionError {
  const what = `Replication slot "${slot}" is the primary's, and cannot be read on this server while that is a standby`;
  return createStandbyError(what, 'Wait until it is promoted');
}

/**
 * Whether a slot may be read where the server is a standby.
 *
 * @param position where the stream would go on
 * @throws {ReplicationError} `SESSION_ATTRS_MISMATCH` when it is to be read on a primary, which this server is still to become;
 * `UNSUPPORTED` before PostgreSQL 16
 */
export function checkStandby(
  server: ServerInfo,
  slot: string,
  found: SlotStatus | undefined,
  position: StartPosition | undefined,
): void {
  if (!server.standby) return;
  if (found) checkNotSynced(server, found);
  const isSupported = server.version >= 160_000;
  const comesFromPrimary = position?.source !== undefined && !position.source.standby;
  if (comesFromPrimary && !(found && isSupported)) throw createPrimarySlotError(slot);
  requireVersion(server.version, 160_000, 'Streaming from a standby');
}
