import type { Observable } from 'rxjs';
import { readSlotName } from '../../config/stream-plan';
import { resolveConnection } from '../../config/resolve-connection';
import type { ServerConfig } from '../../config/connection-options';
import { fetchSlotStatus, type SlotStatus } from '../../commands/slot-commands';
import { runManagementCommand, readCommandOptions } from '../../connection/management-command';

/** Options of {@link slotStatus}. */
export interface SlotStatusConfig extends ServerConfig {
  /** The slot's name: lower-case letters, digits and underscores, at most 63. */
  readonly slot: string;
}

/**
 * Looks up a replication slot, logical or physical: whether a connection streams from it, its confirmed position, the WAL that
 * it retains, and whether the server has invalidated it. Source: manual, `pg_replication_slots`.
 *
 * @returns a cold observable that connects on subscription and emits one value, `undefined` if the slot does not exist. It
 * fails with the connection's errors, such as `CONNECTION_REFUSED`, `AUTHENTICATION_FAILED` or `PRIVILEGE_MISSING`
 * @throws {ConfigError} `CONFIG_INVALID` at once, if an option is invalid
 * @example
 * const slot = await firstValueFrom(slotStatus({ connection: process.env.DATABASE_URL, slot: 'orders' }));
 * console.log(slot?.active, slot?.lagBytes);
 */
export function slotStatus(config: SlotStatusConfig): Observable<SlotStatus | undefined> {
  const options = readCommandOptions(config, ['slot']);
  const slot = readSlotName(options);
  return runManagementCommand(resolveConnection(options), (server) => fetchSlotStatus(slot, server.version));
}
