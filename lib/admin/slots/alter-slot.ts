import type { Observable } from 'rxjs';
import { readSlotName } from '../../config/config';
import { resolveConnection, type ServerConfig } from '../../config/connection';
import { ConfigError } from '../../common/errors';
import { executeAlterSlot as alter, type SlotStatus } from '../../commands/slot-commands';
import { runManagementCommand, readCommandOptions } from '../../connection/management-command';

/** Which slot to alter, on which server, and what is to be different. */
export interface AlterSlotConfig extends ServerConfig {
  /** The slot's name: lower-case letters, digits and underscores, at most 63. */
  readonly slot: string;
  /** Whether standbys keep a copy of the slot, to go on with after a failover. Needs PostgreSQL 17. */
  readonly failover?: boolean | undefined;
  /**
   * Whether prepared transactions are sent when they are prepared, not only when they commit. Needs PostgreSQL 18.
   *
   * It cannot change while a transaction is prepared. Change it when all that was prepared and committed has been confirmed,
   * too: changes of one that was prepared before it is turned on are not sent, and those of one that was sent before it is
   * turned off are sent again. A stream with `twoPhase: true` turns it on by itself, and skips nothing.
   */
  readonly twoPhase?: boolean | undefined;
}

/**
 * Changes a logical slot from which nobody streams. What is not given stays as it is.
 *
 * @returns a cold observable of one value, the slot as it is then; errors `SLOT_MISSING`, `SLOT_ACTIVE`,
 * `SLOT_INVALIDATED`, `SLOT_INCOMPATIBLE`, `TRANSACTION_PREPARED`, `UNSUPPORTED` where the server is too old
 * @example
 * await firstValueFrom(alterSlot({ connection: process.env.DATABASE_URL, slot: 'orders', failover: true }));
 */
export function alterSlot(config: AlterSlotConfig): Observable<SlotStatus> {
  const options = readCommandOptions(config, ['slot', 'failover', 'twoPhase']);
  const slot = readSlotName(options);
  const changes = { failover: options.optionalFlag('failover'), twoPhase: options.optionalFlag('twoPhase') };
  if (changes.failover === undefined && changes.twoPhase === undefined) {
    throw new ConfigError('failover', 'missing; say failover or twoPhase, there is nothing else to alter');
  }
  return runManagementCommand(resolveConnection(options), (server) => alter(slot, changes, server.version));
}
