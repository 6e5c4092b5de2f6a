import { PAD, PADDING, type Scenario } from './scenario';

export const LOGICAL_MESSAGES: readonly Scenario[] = [
  {
    name: 'logical messages, transactional and not',
    setup: `CREATE TABLE t (id int PRIMARY KEY)`,
    config: { messages: true },
    work: [
      `SELECT pg_logical_emit_message(false, 'out', 'alone')`,
      `SELECT pg_logical_emit_message(true, 'in', 'alone')`,
      `SELECT pg_logical_emit_message(true, 'in', 'first');
       INSERT INTO t VALUES (1);
       ${PAD}
       SELECT pg_logical_emit_message(false, 'out', 'in the midst');
       SELECT pg_logical_emit_message(true, '', '');
       -- A message counts as standing at its end: one that ends a savepoint may come behind what follows.
       SAVEPOINT s;
       SELECT pg_logical_emit_message(true, 'in', 'with savepoint');
       INSERT INTO t VALUES (4);
       RELEASE s;
       ${PAD}
       SELECT pg_logical_emit_message(true, 'in', 'last')`,
      // Only non-transactional messages survive a rollback.
      `INSERT INTO t VALUES (2); ${PAD}
       SELECT pg_logical_emit_message(true, 'in', 'never');
       SELECT pg_logical_emit_message(false, 'out', 'nevertheless');
       ROLLBACK`,
      `INSERT INTO t VALUES (3)`,
    ],
    seen: [
      { outside: 'out', content: 'alone' },
      [{ message: 'in', content: 'alone' }],
      { outside: 'out', content: 'in the midst' },
      [
        { message: 'in', content: 'first' },
        { insert: 't', row: { id: 1 } },
        PADDING,
        { message: '', content: '' },
        { message: 'in', content: 'with savepoint' },
        { insert: 't', row: { id: 4 } },
        PADDING,
        { message: 'in', content: 'last' },
      ],
      { outside: 'out', content: 'nevertheless' },
      [{ insert: 't', row: { id: 3 } }],
    ],
  },
];
