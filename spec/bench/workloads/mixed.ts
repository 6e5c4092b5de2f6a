import type { WorkloadSql } from '../workloads';

const TRANSACTIONS = 1_000;
const INSERTS = 200;
const UPDATES = 100;

/** W3: wide rows of many types. Each update contains the old and the new row. */
export function mixed(scale: number): WorkloadSql {
  const transactions = Math.max(1, Math.round(TRANSACTIONS * scale));
  return {
    name: 'W3',
    title: 'twenty mixed columns, a third of it updates under REPLICA IDENTITY FULL',
    counts: { insert: transactions * INSERTS, update: transactions * UPDATES, delete: 0 },
    transactions,
    tables: ['documents'],
    schema: `
      CREATE TABLE documents (
        id bigint PRIMARY KEY,
        tenant integer,
        reference uuid,
        revision smallint,
        score double precision,
        weight real,
        price numeric(12, 4),
        active boolean,
        reviewed boolean,
        title text,
        code varchar(16),
        abstract text,
        created timestamptz,
        changed timestamp,
        due date,
        attributes jsonb,
        pages integer[],
        tags text[],
        digest bytea,
        remark text
      );
      ALTER TABLE documents REPLICA IDENTITY FULL`,
    body: `
      BEGIN
        FOR part IN 0 .. ${transactions - 1} LOOP
          INSERT INTO documents
            SELECT id, id % 50, md5(id::text)::uuid, id % 300, id / 7.0, id % 100 / 4.0, id * 1.2345, id % 2 = 0,
                   CASE id % 3 WHEN 0 THEN true WHEN 1 THEN false END,
                   'Größe, naïveté, 東京 – № ' || id, 'C-' || id,
                   'The quick brown fox jumps over the lazy dog, and document ' || id || ' says what came of it.',
                   timestamptz '2024-01-01 00:00:00.123456+00' + id * interval '1 second',
                   timestamp '2024-06-01 12:00:00' + id * interval '1 millisecond',
                   date '2025-01-01' + (id % 365)::integer,
                   jsonb_build_object('id', id, 'name', 'document ' || id, 'size', jsonb_build_array(id % 10, 2, 3.5),
                                      'nested', jsonb_build_object('draft', id % 2 = 1, 'owner', null)),
                   ARRAY[id % 10, 20, 30, NULL]::integer[], ARRAY['red', 'two words', 'tag ' || id % 20],
                   -- 13 × 16 bytes
                   decode(repeat(md5(id::text), 13), 'hex'),
                   CASE WHEN id % 10 = 0 THEN 'See page ' || id END
              FROM generate_series(part * ${INSERTS} + 1, (part + 1) * ${INSERTS}) AS id;
          UPDATE documents
             SET revision = revision + 1, price = price + 1, changed = changed + interval '1 hour'
           WHERE id BETWEEN part * ${INSERTS} + 1 AND part * ${INSERTS} + ${UPDATES};
          COMMIT;
        END LOOP;
      END`,
  };
}
