import { PAD, PADDING, type Scenario, type SeenChange } from './scenario';

const SETUP = `CREATE TABLE t (id int PRIMARY KEY, a text); CREATE TABLE other (id int PRIMARY KEY)`;

/** Each with the rows before and after it. */
const STEPS: readonly { readonly sql: string; readonly seen: readonly SeenChange[] }[] = [
  { sql: `INSERT INTO t VALUES (1, 'one')`, seen: [{ insert: 't', row: { id: 1, a: 'one' } }] },
  {
    sql: `ALTER TABLE t ADD COLUMN b int DEFAULT 7; INSERT INTO t VALUES (2, 'two', 8); UPDATE t SET a = 'eins' WHERE id = 1`,
    seen: [
      { insert: 't', row: { id: 2, a: 'two', b: 8 } },
      { update: 't', row: { id: 1, a: 'eins', b: 7 } },
    ],
  },
  {
    sql: `ALTER TABLE t DROP COLUMN a; INSERT INTO t VALUES (3, 9)`,
    seen: [{ insert: 't', row: { id: 3, b: 9 } }],
  },
  {
    sql: `ALTER TABLE t RENAME COLUMN b TO c; UPDATE t SET c = c + 1 WHERE id = 3`,
    seen: [{ update: 't', row: { id: 3, c: 10 } }],
  },
  {
    // It rewrites all rows, which the stream does not contain.
    sql: `ALTER TABLE t ALTER c TYPE text USING 'n' || c; INSERT INTO t VALUES (4, 'n11'); UPDATE t SET id = 5 WHERE id = 3`,
    seen: [
      { insert: 't', row: { id: 4, c: 'n11' } },
      { update: 't', key: { id: 3 }, row: { id: 5, c: 'n10' } },
    ],
  },
  {
    sql: `ALTER TABLE t REPLICA IDENTITY FULL; DELETE FROM t WHERE id = 5`,
    seen: [{ delete: 't', old: { id: 5, c: 'n10' } }],
  },
  {
    sql: `ALTER TABLE t RENAME TO u; INSERT INTO u VALUES (6, 'n12'); INSERT INTO other VALUES (1)`,
    seen: [
      { insert: 'u', row: { id: 6, c: 'n12' } },
      { insert: 'other', row: { id: 1 } },
    ],
  },
  {
    sql: `CREATE SCHEMA s; ALTER TABLE u SET SCHEMA s; ALTER TABLE other RENAME TO u; INSERT INTO u VALUES (2); INSERT INTO s.u VALUES (7)`,
    seen: [
      { insert: 'u', row: { id: 2 } },
      { insert: 's.u', row: { id: 7, c: '7' } },
    ],
  },
  {
    sql: `CREATE TYPE mood AS ENUM ('so', 'la la'); CREATE TABLE t (id int PRIMARY KEY, m mood, ms mood[]);
          INSERT INTO t VALUES (1, 'la la', '{so,"la la"}')`,
    seen: [{ insert: 't', row: { id: 1, m: 'la la', ms: ['so', 'la la'] } }],
  },
  { sql: `DROP TABLE u; INSERT INTO t VALUES (2)`, seen: [{ insert: 't', row: { id: 2, m: null, ms: null } }] },
];

export const DDL: readonly Scenario[] = [
  {
    name: 'DDL between transactions',
    setup: SETUP,
    work: STEPS.map(({ sql }, i) => (i % 2 === 0 ? `${PAD} ${sql}` : `${sql}; ${PAD}`)),
    seen: STEPS.map(({ seen }, i) => (i % 2 === 0 ? [PADDING, ...seen] : [...seen, PADDING])),
  },
  {
    name: 'DDL within a transaction',
    setup: SETUP,
    work: [STEPS.map(({ sql }) => `${sql}; ${PAD}`).join(' '), `INSERT INTO s.u VALUES (8); INSERT INTO t VALUES (3)`],
    seen: [
      STEPS.flatMap(({ seen }) => [...seen, PADDING]),
      [
        { insert: 's.u', row: { id: 8, c: '7' } },
        { insert: 't', row: { id: 3, m: null, ms: null } },
      ],
    ],
  },
];
