import type { Observable } from 'rxjs';
import { readSlotName } from '../../config/stream-plan';
import { resolveConnection } from '../../config/resolve-connection';
import type { ServerConfig } from '../../config/connection-options';
import { executeCreateSlot, type CreatedSlot } from '../../commands/slot-commands';
import { runManagementCommand, readCommandOptions } from '../../connection/management-command';

/** Options of {@link createSlot}. */
export interface CreateSlotConfig extends ServerConfig {
  /** The slot's name: lower-case letters, digits and underscores, at most 63. */
  readonly slot: string;
  /** The output plugin. Default `pgoutput`. */
  readonly plugin?: string | undefined;
  /** Whether standbys synchronize the slot, so that a stream can continue there after a failover. Needs PostgreSQL 17. Default false. */
  readonly failover?: boolean | undefined;
  /** Whether the server sends prepared transactions at PREPARE TRANSACTION instead of at commit. Needs PostgreSQL 15. Default false. */
  readonly twoPhase?: boolean | undefined;
}

/**
 * Creates a permanent logical replication slot in the connection's database. The server first waits, without a timeout, for
 * all write transactions that are open at that moment; unsubscribing cancels the command.
 *
 * From then on, the server retains all WAL that the slot has not confirmed: drop a slot that is no longer used.
 *
 * @returns a cold observable that emits the slot; errors `SLOT_EXISTS`, `TOO_MANY_SLOTS`, `WAL_LEVEL`, `PRIVILEGE_MISSING`,
 * `UNSUPPORTED` if the server is too old for an option
 * @example
 * await firstValueFrom(createSlot({ connection: process.env.DATABASE_URL, slot: 'orders' }));
 */
export function createSlot(config: CreateSlotConfig): Observable<CreatedSlot> {
  const options = readCommandOptions(config, ['slot', 'plugin', 'failover', 'twoPhase']);
  const slot = readSlotName(options);
  const plugin = options.text('plugin') ?? 'pgoutput';
  const kind = {
    temporary: false,
    failover: options.flag('failover', false),
    twoPhase: options.flag('twoPhase', false),
  };
  return runManagementCommand(resolveConnection(options), (server) =>
    executeCreateSlot(slot, plugin, kind, server.version),
  );
}
