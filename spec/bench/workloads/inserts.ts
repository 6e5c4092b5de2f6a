import type { WorkloadSql } from '../workloads';

const TRANSACTIONS = 1_000;
const ROWS = 1_000;

/** W1: a bulk load; rows of five columns. */
export function inserts(scale: number): WorkloadSql {
  const transactions = Math.max(1, Math.round(TRANSACTIONS * scale));
  return {
    name: 'W1',
    title: `five-column inserts in transactions of ${ROWS}`,
    counts: { insert: transactions * ROWS, update: 0, delete: 0 },
    transactions,
    tables: ['readings'],
    schema: `
      CREATE TABLE readings (
        id bigint PRIMARY KEY, sensor integer NOT NULL, label text NOT NULL, value double precision, taken timestamptz
      )`,
    body: `
      BEGIN
        FOR part IN 0 .. ${transactions - 1} LOOP
          INSERT INTO readings
            SELECT id, id % 97, 'reading ' || id, id / 8.0, timestamptz '2024-01-01 00:00:00+00' + id * interval '1 second'
              FROM generate_series(part * ${ROWS} + 1, (part + 1) * ${ROWS}) AS id;
          COMMIT;
        END LOOP;
      END`,
  };
}
