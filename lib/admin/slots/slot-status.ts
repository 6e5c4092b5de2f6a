import type { Observable } from 'rxjs';
import { readSlotName } from '../../config/config';
import { resolveConnection, type ServerConfig } from '../../config/connection';
import { fetchSlotStatus as status, type SlotStatus } from '../../commands/slot-commands';
import { runManagementCommand, readCommandOptions } from '../../connection/management-command';

/** Which slot to look up, and on which server. */
export interface SlotStatusConfig extends ServerConfig {
  /** The slot's name: lower-case letters, digits and underscores, at most 63. */
  readonly slot: string;
}

/**
 * Looks a replication slot up: who streams from it, what it has confirmed, how much WAL it keeps, and whether
 * the server has given it up.
 *
 * @returns a cold observable of one value, `undefined` when there is no such slot
 * @example
 * const slot = await firstValueFrom(slotStatus({ connection: process.env.DATABASE_URL, slot: 'orders' }));
 * console.log(slot?.active, slot?.lagBytes);
 */
export function slotStatus(config: SlotStatusConfig): Observable<SlotStatus | undefined> {
  const options = readCommandOptions(config, ['slot']);
  const slot = readSlotName(options);
  return runManagementCommand(resolveConnection(options), (server) => status(slot, server.version));
}
