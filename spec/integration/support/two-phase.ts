import { lastValueFrom, toArray, type Observable } from 'rxjs';
import {
  ackAfter,
  logicalReplication,
  stopAtLsn,
  transactions,
  type AnyReplicationMessage,
  type Change,
  type Lsn,
  type PgoutputConfig,
  type TransactionOf,
  type TwoPhaseMessage,
} from '../../../lib/index';
import { uniqueName } from '../../support/server';
import { waitForFailure } from './life';
import type { TestBed, Recorder } from './bed';

export const TABLES = `CREATE TABLE rows (id int PRIMARY KEY, v text); CREATE TABLE unheard (id int);
  CREATE PUBLICATION pub FOR TABLE rows;`;

/** The values of `transactions()` for a stream with `twoPhase`. */
export type Unit = TransactionOf<TwoPhaseMessage>;

/** A slot for two-phase commit. */
export async function twoPhaseSlot(bed: TestBed): Promise<string> {
  const slot = uniqueName('slot');
  await bed.sql(`SELECT pg_create_logical_replication_slot($1, 'pgoutput', false, true)`, [slot]);
  return slot;
}

interface StreamOptions extends Partial<PgoutputConfig> {
  readonly mode?: 'off' | 'on' | 'parallel';
}

/** A stream of prepared transactions, in blocks if large. */
export function twoPhaseStream(
  bed: TestBed,
  slot: string,
  { mode = 'off', ...more }: StreamOptions = {},
): Observable<AnyReplicationMessage> {
  const config = { ...bed.config(slot), ...more, twoPhase: true } as const;
  if (mode === 'off') return logicalReplication(config);
  const connection = { connectionString: bed.database.url, options: '-c logical_decoding_work_mem=64kB' };
  return logicalReplication({ ...config, connection, streaming: mode });
}

/** Reads a slot up to a position, and confirms it. */
export function readUnits(bed: TestBed, slot: string, end: Lsn, options?: StreamOptions): Promise<Unit[]> {
  return lastValueFrom(
    twoPhaseStream(bed, slot, options).pipe(
      stopAtLsn(end),
      transactions<AnyReplicationMessage>(),
      ackAfter((unit) => [unit]),
      toArray(),
    ),
  );
}

/** A line with the kind, the transaction, and the inserted rows. */
export function formatUnit(unit: Unit): string {
  switch (unit.kind) {
    case 'preparedTransaction':
      return `prepare ${unit.gid}: ${listIds(unit.changes)}`;
    case 'commitPrepared':
      return `commit ${unit.gid}`;
    case 'rollbackPrepared':
      return `rollback ${unit.gid}`;
    default:
      return listIds(unit.changes);
  }
}

function listIds(changes: readonly Change[]): string {
  return changes.map((change) => ('new' in change ? String(change.new['id']) : change.kind)).join();
}

/** SQL that prepares a transaction. */
export function prepare(gid: string, ...statements: string[]): string {
  return ['BEGIN', ...statements, `PREPARE TRANSACTION '${gid}'`].join(';');
}

export function insert(...ids: number[]): string {
  return `INSERT INTO rows VALUES ${ids.map((id) => `(${id})`).join()}`;
}

/** Enough rows to be streamed. */
export function insertMany(from: number, to = from + 399): string {
  return `INSERT INTO rows SELECT g, md5(g::text) FROM generate_series(${from}, ${to}) g`;
}

/** A spec of a feature of PostgreSQL 15. Before 15, it expects the error instead. */
export function since15(where: () => TestBed, what: string, test: () => Promise<void>): void {
  it(what, async () => {
    const bed = where();
    if (bed.server.version >= 15) return test();
    const error = await waitForFailure(twoPhaseStream(bed, await bed.slot()));
    expect(error).toMatchObject({ code: 'UNSUPPORTED', retryable: false });
    expect(error.message).toMatch(/^twoPhase: true needs PostgreSQL 15; .* 14.*Remove the option/);
  });
}

/** The first value of a kind and gid. */
export function findUnit<K extends Unit['kind']>(
  recorder: Recorder<Unit>,
  kind: K,
  gid?: string,
): Promise<Unit & { kind: K }> {
  const isSought = (unit: Unit): unit is Unit & { kind: K } =>
    unit.kind === kind && (gid === undefined || ('gid' in unit && unit.gid === gid));
  return recorder.find(isSought) as Promise<Unit & { kind: K }>;
}
