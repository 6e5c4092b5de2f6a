import type { Observable } from 'rxjs';
import { readSlotName } from '../../config/stream-plan';
import { resolveConnection } from '../../config/resolve-connection';
import type { ServerConfig } from '../../config/connection-options';
import { ConfigError } from '../../common/errors';
import { executeAlterSlot, type SlotStatus } from '../../commands/slot-commands';
import { runManagementCommand, readCommandOptions } from '../../connection/management-command';

/** Options of {@link alterSlot}. At least one of `failover` and `twoPhase` is required. */
export interface AlterSlotConfig extends ServerConfig {
  /** The slot's name: lower-case letters, digits and underscores, at most 63. */
  readonly slot: string;
  /** Whether standbys synchronize the slot, so that a stream can continue there after a failover. Needs PostgreSQL 17. */
  readonly failover?: boolean | undefined;
  /**
   * Whether the server sends prepared transactions at PREPARE TRANSACTION instead of at commit. Needs PostgreSQL 18.
   *
   * It cannot change while a transaction is prepared (`TRANSACTION_PREPARED`). Also confirm all transactions that were prepared
   * and committed first: otherwise, turning it on skips changes of transactions prepared before, and turning it off sends changes
   * again. A stream with `twoPhase: true` turns it on by itself and skips nothing.
   */
  readonly twoPhase?: boolean | undefined;
}

/**
 * Changes a logical slot that is not active. Options that are not given stay unchanged.
 *
 * @returns a cold observable that emits the changed slot; errors `SLOT_MISSING`, `SLOT_ACTIVE`,
 * `SLOT_INVALIDATED`, `SLOT_INCOMPATIBLE`, `TRANSACTION_PREPARED`, `UNSUPPORTED` if the server is too old
 * @example
 * await firstValueFrom(alterSlot({ connection: process.env.DATABASE_URL, slot: 'orders', failover: true }));
 */
export function alterSlot(config: AlterSlotConfig): Observable<SlotStatus> {
  const options = readCommandOptions(config, ['slot', 'failover', 'twoPhase']);
  const slot = readSlotName(options);
  const changes = { failover: options.optionalFlag('failover'), twoPhase: options.optionalFlag('twoPhase') };
  if (changes.failover === undefined && changes.twoPhase === undefined) {
    throw new ConfigError('failover', 'missing; set failover or twoPhase');
  }
  return runManagementCommand(resolveConnection(options), (server) => executeAlterSlot(slot, changes, server.version));
}
