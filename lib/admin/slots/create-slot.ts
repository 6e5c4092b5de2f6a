import type { Observable } from 'rxjs';
import { readSlotName } from '../../config/config';
import { resolveConnection, type ServerConfig } from '../../config/connection';
import { executeCreateSlot as create, type CreatedSlot } from '../../commands/slot-commands';
import { runManagementCommand, readCommandOptions } from '../../connection/management-command';

/** Which slot to make, and on which server. */
export interface CreateSlotConfig extends ServerConfig {
  /** The slot's name: lower-case letters, digits and underscores, at most 63. */
  readonly slot: string;
  /** The output plugin. Default `pgoutput`. */
  readonly plugin?: string | undefined;
  /** Standbys keep a copy of the slot, to go on with after a failover. Needs PostgreSQL 17. Default false. */
  readonly failover?: boolean | undefined;
  /** Prepared transactions are sent when they are prepared, not only when they commit. Needs PostgreSQL 15. Default false. */
  readonly twoPhase?: boolean | undefined;
}

/**
 * Makes a permanent logical replication slot in the connection's database. It waits for the write transactions that are
 * open at that moment, however long they take; unsubscribing cancels it.
 *
 * From then on the server keeps all WAL that the slot has not confirmed: drop a slot that nobody reads any more.
 *
 * @returns a cold observable of one value; errors `SLOT_EXISTS`, `TOO_MANY_SLOTS`, `WAL_LEVEL`, `PRIVILEGE_MISSING`,
 * `UNSUPPORTED` where the server is too old for an option
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
  return runManagementCommand(resolveConnection(options), (server) => create(slot, plugin, kind, server.version));
}
