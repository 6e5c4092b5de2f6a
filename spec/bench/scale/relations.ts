import type { Workload } from '../workloads';

const ROWS = 1_000;

/**
 * Rows like those of W1, distributed over this number of tables. The tables are partitions, because routing is the server's
 * fastest way to distribute rows. In the stream each is a separate relation.
 */
export function spreadOver(tables: number, changes: number): Workload {
  const transactions = Math.max(1, Math.round(changes / ROWS));
  const publication = 'spread_pub';
  const slot = 'spread_slot';
  const schema = `
    CREATE TABLE spread (id bigint, sensor integer NOT NULL, label text NOT NULL, value double precision, taken timestamptz)
      PARTITION BY LIST ((id % ${tables}));
    DO $$
      BEGIN
        FOR part IN 0 .. ${tables - 1} LOOP
          EXECUTE format('CREATE TABLE spread_%s PARTITION OF spread FOR VALUES IN (%s)', part, part);
        END LOOP;
      END
    $$`;
  const body = `
    BEGIN
      FOR part IN 0 .. ${transactions - 1} LOOP
        INSERT INTO spread
          SELECT id, id % 97, 'reading ' || id, id / 8.0, timestamptz '2024-01-01 00:00:00+00' + id * interval '1 second'
            FROM generate_series(part * ${ROWS} + 1, (part + 1) * ${ROWS}) AS id;
        COMMIT;
      END LOOP;
    END`;
  return {
    name: String(tables),
    title: `five-column inserts that go round ${tables} tables`,
    changes: transactions * ROWS,
    counts: { insert: transactions * ROWS, update: 0, delete: 0 },
    transactions,
    tables: ['spread'],
    schema,
    body,
    publication,
    slot,
    async load(server) {
      await server.execute(schema);
      await server.execute(`CREATE PUBLICATION ${publication} FOR TABLE spread`);
      await server.execute(`SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`);
      await server.execute(`DO $$ ${body} $$`);
      // A walsender sends only flushed WAL, and a synchronous commit flushes everything before it.
      await server.execute(`SET synchronous_commit = on; SELECT pg_logical_emit_message(true, 'bench', 'loaded')`);
    },
  };
}
