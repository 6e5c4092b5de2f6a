import {
  logicalReplication,
  transactions,
  type Checkpoint,
  type CopyConfig,
  type CopyMessage,
  type CopyOptions,
  type PgoutputConfig,
  type ReplicationMessage,
  type TransactionOf,
} from '../../../lib/index';
import { waitUntil, type TestBed } from '../support/bed';

/** What `transactions()` emits for a stream with a copy. */
export type Unit = TransactionOf<ReplicationMessage | CopyMessage>;

export const createConfig = (
  bed: TestBed,
  slot: string,
  more: Partial<PgoutputConfig> = {},
  copy: true | CopyOptions = true,
): CopyConfig => ({ ...bed.config(slot, more), copy });

/** A stream of units that begins with a copy. */
export const streamUnits = (
  bed: TestBed,
  slot: string,
  more: Partial<PgoutputConfig> = {},
  copy: true | CopyOptions = true,
) => logicalReplication(createConfig(bed, slot, more, copy)).pipe(transactions());

/** Resolves when a stream reads the slot: the copy has ended. */
export const waitForStream = (bed: TestBed, slot: string) =>
  waitUntil(
    () =>
      bed.sql(
        `SELECT FROM pg_replication_slots JOIN pg_stat_replication ON pid = active_pid
          WHERE slot_name = $1 AND state = 'streaming'`,
        [slot],
      ),
    (rows) => rows.length === 1,
  );

/** What a consumer stores: rows by table and primary key, and the checkpoint. It fails for what a consumer cannot apply. */
export class Store {
  readonly tables = new Map<string, Map<unknown, Record<string, unknown>>>();
  begins = 0;
  ends = 0;
  checkpoint: Checkpoint | undefined;

  apply(unit: Unit): void {
    if (unit.kind === 'copyBegin') {
      this.begins++;
      this.tables.clear();
      this.checkpoint = undefined;
    }
    for (const change of unit) {
      if (change.kind === 'message') continue;
      if (change.kind === 'truncate') {
        for (const table of change.tables) this.#getRows(table).clear();
        continue;
      }
      const rows = this.#getRows(change.table);
      if (change.kind === 'insert') {
        if (rows.has(change.new['id'])) throw new Error(`Row ${String(change.new['id'])} is inserted twice`);
        rows.set(change.new['id'], change.new);
        continue;
      }
      const id = (change.key ?? change.old ?? (change.kind === 'update' ? change.new : {}))['id'];
      const before = rows.get(id);
      if (!before) throw new Error(`Row ${String(id)} of a ${change.kind} is missing`);
      rows.delete(id);
      if (change.kind === 'update') rows.set(change.new['id'], { ...before, ...change.new });
    }
    if (unit.kind === 'copyEnd') this.ends++;
    if (unit.kind === 'copyEnd' || unit.kind === 'transaction' || unit.kind === 'progress')
      this.checkpoint = unit.checkpoint;
  }

  /** The rows in the order of their keys. */
  rows(table: string): Record<string, unknown>[] {
    return [...this.#getRows(table).values()].sort((one, other) => Number(one['id']) - Number(other['id']));
  }

  #getRows(table: string): Map<unknown, Record<string, unknown>> {
    const rows = this.tables.get(table) ?? new Map<unknown, Record<string, unknown>>();
    this.tables.set(table, rows);
    return rows;
  }
}
