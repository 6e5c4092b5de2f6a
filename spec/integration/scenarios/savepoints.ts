import { PAD, PADDING, type Scenario } from './scenario';

const add = (id: number): string => `INSERT INTO t (id) VALUES (${id});`;
const added = (id: number) => ({ insert: 't', row: { id, v: null } });

export const SAVEPOINTS: readonly Scenario[] = [
  {
    name: 'savepoints, released and rolled back to',
    setup: `CREATE TABLE t (id int PRIMARY KEY, v text)`,
    work: [
      `${add(1)}
       SAVEPOINT a; ${add(2)} ${PAD} ROLLBACK TO a;
       ${add(3)} SAVEPOINT b; ${add(4)} SAVEPOINT c; ${add(5)} ${PAD} RELEASE c; ROLLBACK TO b;
       ${add(6)} SAVEPOINT d; UPDATE t SET v = 'd' WHERE id = 1; ${PAD} RELEASE d;
       SAVEPOINT e; ALTER TABLE t ADD COLUMN w int DEFAULT 5; INSERT INTO t VALUES (7, 'e', 7); ${PAD} ROLLBACK TO e;
       ${add(8)} SAVEPOINT f; SAVEPOINT g; ALTER TABLE t RENAME v TO x; INSERT INTO t (id) VALUES (9); RELEASE g; ${PAD} RELEASE f`,
      // First a block with only rolled-back changes, then one with others.
      `SAVEPOINT a; ${PAD} INSERT INTO t (id) VALUES (10); ROLLBACK TO a`,
      `SAVEPOINT a; ${PAD} ROLLBACK TO a; INSERT INTO t (id) VALUES (11)`,
      `${PAD} ALTER TABLE t DROP COLUMN x; INSERT INTO t (id) VALUES (12); ROLLBACK`,
      `DO $$ BEGIN
         FOR i IN 20..23 LOOP
           BEGIN
             INSERT INTO t VALUES (i);
             INSERT INTO padding SELECT i, md5(g::text) FROM generate_series(1, 400) g;
             IF i % 2 = 1 THEN RAISE EXCEPTION 'odd'; END IF;
           EXCEPTION WHEN raise_exception THEN NULL;
           END;
         END LOOP;
       END $$`,
    ],
    seen: [
      [
        added(1),
        added(3),
        added(6),
        { update: 't', row: { id: 1, v: 'd' } },
        PADDING,
        added(8),
        { insert: 't', row: { id: 9, x: null } },
        PADDING,
      ],
      [{ insert: 't', row: { id: 11, x: null } }],
      [{ insert: 't', row: { id: 20, x: null } }, PADDING, { insert: 't', row: { id: 22, x: null } }, PADDING],
    ],
  },
];
