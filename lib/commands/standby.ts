import type { StartPosition } from '../ledger/checkpoint';
import { ConnectionError } from '../common/errors';
import { requireVersion } from './server-version';
import type { SlotStatus } from './slot-commands';
import type { ServerInfo } from './startup';

/**
 * Creates the error for a standby that the stream cannot use now, but may after a promotion or after it has caught up.
 *
 * @param remedy the event to wait for, as the first clause of a sentence
 */
export function createStandbyError(what: string, remedy: string): ConnectionError {
  const otherwise = 'or connect to the primary (target_session_attrs=primary).';
  return new ConnectionError('SESSION_ATTRS_MISMATCH', what, { remedy: `${remedy}, ${otherwise}` });
}

/**
 * Rejects a slot that is synchronized from a primary, while the server is a standby. The server rejects it with the SQLSTATE of
 * an invalidated slot.
 *
 * @throws {ReplicationError} `SESSION_ATTRS_MISMATCH` until the standby is promoted
 */
export function checkNotSynced(server: ServerInfo, { name, synced }: SlotStatus): void {
  if (server.standby && synced) throw createPrimarySlotError(name);
}

function createPrimarySlotError(slot: string): ConnectionError {
  const what = `Replication slot "${slot}" belongs to the primary and cannot be used while this server is a standby`;
  return createStandbyError(what, 'Wait until it is promoted');
}

/**
 * Asserts that the slot can be used, if the server is a standby.
 *
 * @param position the position to resume from
 * @throws {ReplicationError} `SESSION_ATTRS_MISMATCH` if the slot can be used only once the server is promoted; `UNSUPPORTED`
 * before PostgreSQL 16
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
