import { map, type Observable } from 'rxjs';
import { readSlotName } from '../../config/stream-plan';
import { resolveConnection } from '../../config/resolve-connection';
import type { ServerConfig } from '../../config/connection-options';
import { executeDropSlot } from '../../commands/slot-commands';
import { runManagementCommand, readCommandOptions } from '../../connection/management-command';

/** Options of {@link dropSlot}. */
export interface DropSlotConfig extends ServerConfig {
  /** The slot's name, logical or physical: lower-case letters, digits and underscores, at most 63. */
  readonly slot: string;
  /** Whether the server waits until the slot is inactive, instead of failing with `SLOT_ACTIVE`. Default false. */
  readonly wait?: boolean | undefined;
}

/**
 * Drops a replication slot, so that the server no longer retains WAL for it.
 *
 * @returns a cold observable that emits the slot's name and completes; errors `SLOT_MISSING`, `SLOT_ACTIVE`
 * @example
 * await firstValueFrom(dropSlot({ connection: process.env.DATABASE_URL, slot: 'orders' }));
 */
export function dropSlot(config: DropSlotConfig): Observable<string> {
  const options = readCommandOptions(config, ['slot', 'wait']);
  const slot = readSlotName(options);
  const wait = options.flag('wait', false);
  return runManagementCommand(resolveConnection(options), () => executeDropSlot(slot, wait)).pipe(map(() => slot));
}
