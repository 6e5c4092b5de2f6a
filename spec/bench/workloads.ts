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

/** A workload to load and drain. Its slot is directly before its first transaction. */
export interface Workload extends WorkloadSql {
  readonly changes: number;
  readonly publication: string;
  readonly slot: string;
  /** Creates the tables, the publication and the slot, and then makes all changes. Once per server. */
  load(server: BenchServer): Promise<void>;
}

/** A workload in SQL. */
export interface WorkloadSql {
  readonly name: string;
  readonly title: string;
  readonly counts: Counts;
  readonly transactions: number;
  readonly tables: readonly string[];
  /** The tables and their initial rows. */
  readonly schema: string;
  /** The body of a procedure that makes and commits all changes. */
  readonly body: string;
}

/** All workloads. At scale 1 they have 1,000,000, 550,000 and 300,000 changes. */
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
      // COMMIT in a procedure works only if the CALL is a separate query.
      for (const statement of [
        schema,
        `CREATE PUBLICATION ${publication} FOR TABLE ${tables.join(', ')}`,
        `CREATE PROCEDURE load_${name}() LANGUAGE plpgsql AS $body$ ${body} $body$`,
        `SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`,
        `CALL load_${name}()`,
        // A walsender sends only flushed WAL, and a synchronous commit in this session waits for the flush.
        `SET LOCAL synchronous_commit = on; SELECT pg_logical_emit_message(true, 'bench', 'loaded')`,
      ]) {
        await server.execute(statement);
      }
    },
  };
}
