import type { StartPosition } from '../checkpoint';
import { ConnectionError } from '../errors';
import { requireVersion } from './server-version';
import type { SlotStatus } from './slot-commands';
import type { ServerInfo } from './startup';

/**
 * A standby that a stream cannot use as it is: a promotion, or time, may mend that.
 *
 * @param remedy what to wait for, as a sentence that goes on
 */
export function unfit(what: string, remedy: string): ConnectionError {
  const otherwise = 'or connect to the primary (target_session_attrs=primary).';
  return new ConnectionError('SERVER_UNFIT', what, { remedy: `${remedy}, ${otherwise}` });
}

/**
 * Whether a slot may be read where the server is a standby.
 *
 * @param position where the stream would go on
 * @throws {ReplicationError} `SERVER_UNFIT` when it is to be read on a primary, which this server is still to become;
 * `UNSUPPORTED` before PostgreSQL 16
 */
export function checkStandby(
  server: ServerInfo,
  slot: string,
  found: SlotStatus | undefined,
  position: StartPosition | undefined,
): void {
  if (!server.standby) return;
  const isSupported = server.version >= 160_000;
  const ofPrimary = position?.source !== undefined && !position.source.standby;
  // The server refuses copies of failover slots, with an SQLSTATE that says as well that a slot is invalidated.
  if (found?.synced || (ofPrimary && !(found && isSupported))) {
    const what = `Replication slot "${slot}" is the primary's, and cannot be read on this server while that is a standby`;
    throw unfit(what, 'Wait until it is promoted');
  }
  requireVersion(server.version, 160_000, 'Streaming from a standby');
}
