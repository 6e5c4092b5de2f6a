import type { BenchServer } from './server';
import { inserts } from './workloads/inserts';
import { mixed } from './workloads/mixed';
import { small } from './workloads/small';

/** Changes by kind. */
export interface Counts {
  readonly insert: number;
  readonly update: number;
  readonly delete: number;
}

/** What one loads and drains. Its slot stands just before its first transaction. */
export interface Workload extends WorkloadSql {
  readonly changes: number;
  readonly publication: string;
  readonly slot: string;
  /** Makes the tables, the publication, the slot, and then all changes. Once for each server. */
  load(server: BenchServer): Promise<void>;
}

/** A workload in SQL. */
export interface WorkloadSql {
  readonly name: string;
  readonly title: string;
  readonly counts: Counts;
  readonly transactions: number;
  readonly tables: readonly string[];
  /** Tables, and the rows that are there before. */
  readonly schema: string;
  /** A procedure's body that makes all changes and commits as it goes. */
  readonly body: string;
}

/** All workloads; at scale 1 they have 1,000,000, 550,000 and 300,000 changes. */
export function workloads(scale: number): readonly Workload[] {
  return [inserts(scale), small(scale), mixed(scale)].map(workloadOf);
}

function workloadOf(sql: WorkloadSql): Workload {
  const { counts, tables, schema, body } = sql;
  const name = sql.name.toLowerCase();
  const publication = `${name}_pub`;
  const slot = `${name}_slot`;
  return {
    ...sql,
    changes: counts.insert + counts.update + counts.delete,
    publication,
    slot,
    async load(server) {
      // COMMIT inside a procedure works only where the CALL is a whole query.
      for (const statement of [
        schema,
        `CREATE PUBLICATION ${publication} FOR TABLE ${tables.join(', ')}`,
        `CREATE PROCEDURE load_${name}() LANGUAGE plpgsql AS $body$ ${body} $body$`,
        `SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`,
        `CALL load_${name}()`,
        // A walsender sends only what is flushed, and a commit of this session waits for that.
        `SET LOCAL synchronous_commit = on; SELECT pg_logical_emit_message(true, 'bench', 'loaded')`,
      ]) {
        await server.execute(statement);
      }
    },
  };
}
