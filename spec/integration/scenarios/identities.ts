import { PAD, PADDING, type Scenario } from './scenario';

const LONG = 'x'.repeat(3000);
const LONGER = 'y'.repeat(9000);
/** Too long to be stored inline, short enough for an index. */
const LONG_CODE = 'k'.repeat(2300);

/** Long bodies are stored out of line. */
const setup = (identity: string): string => `
  CREATE TABLE docs (id int PRIMARY KEY, title text, body text);
  ALTER TABLE docs ALTER body SET STORAGE EXTERNAL;
  ${identity}`;

const INSERTS = `INSERT INTO docs VALUES (1, 'a', repeat('x', 3000)), (2, 'b', NULL)`;
const WORK = [
  INSERTS,
  `UPDATE docs SET title = 'c' WHERE id = 1;
   ${PAD}
   UPDATE docs SET id = 10 WHERE id = 1;
   UPDATE docs SET body = repeat('y', 9000);
   ${PAD}
   UPDATE docs SET title = NULL WHERE id = 2;
   DELETE FROM docs`,
];

export const IDENTITIES: readonly Scenario[] = [
  {
    name: 'replica identity default, with unchanged TOAST',
    setup: setup(''),
    work: WORK,
    seen: [
      [
        { insert: 'docs', row: { id: 1, title: 'a', body: LONG } },
        { insert: 'docs', row: { id: 2, title: 'b', body: null } },
      ],
      [
        { update: 'docs', row: { id: 1, title: 'c' }, unchanged: ['body'] },
        PADDING,
        { update: 'docs', key: { id: 1 }, row: { id: 10, title: 'c' }, unchanged: ['body'] },
        { update: 'docs', row: { id: 2, title: 'b', body: LONGER } },
        { update: 'docs', row: { id: 10, title: 'c', body: LONGER } },
        PADDING,
        { update: 'docs', row: { id: 2, title: null }, unchanged: ['body'] },
        { delete: 'docs', key: { id: 10 } },
        { delete: 'docs', key: { id: 2 } },
      ],
    ],
  },
  {
    name: 'replica identity full, with unchanged TOAST',
    setup: setup('ALTER TABLE docs REPLICA IDENTITY FULL'),
    work: WORK,
    seen: [
      [
        { insert: 'docs', row: { id: 1, title: 'a', body: LONG } },
        { insert: 'docs', row: { id: 2, title: 'b', body: null } },
      ],
      [
        { update: 'docs', old: { id: 1, title: 'a', body: LONG }, row: { id: 1, title: 'c', body: LONG } },
        PADDING,
        { update: 'docs', old: { id: 1, title: 'c', body: LONG }, row: { id: 10, title: 'c', body: LONG } },
        { update: 'docs', old: { id: 2, title: 'b', body: null }, row: { id: 2, title: 'b', body: LONGER } },
        { update: 'docs', old: { id: 10, title: 'c', body: LONG }, row: { id: 10, title: 'c', body: LONGER } },
        PADDING,
        { update: 'docs', old: { id: 2, title: 'b', body: LONGER }, row: { id: 2, title: null, body: LONGER } },
        { delete: 'docs', old: { id: 10, title: 'c', body: LONGER } },
        { delete: 'docs', old: { id: 2, title: null, body: LONGER } },
      ],
    ],
  },
  {
    name: 'replica identity by an index, with unchanged TOAST also in it',
    setup: setup(`
      ALTER TABLE docs ADD code text NOT NULL;
      ALTER TABLE docs ALTER code SET STORAGE EXTERNAL;
      CREATE UNIQUE INDEX by_code ON docs (id, code);
      ALTER TABLE docs REPLICA IDENTITY USING INDEX by_code`),
    work: [
      `INSERT INTO docs VALUES (1, 'a', repeat('x', 3000), repeat('k', 2300)), (2, 'b', NULL, 'short')`,
      `UPDATE docs SET title = 'c';
       ${PAD}
       UPDATE docs SET code = 'short' WHERE id = 1;
       DELETE FROM docs`,
    ],
    seen: [
      [
        { insert: 'docs', row: { id: 1, title: 'a', body: LONG, code: LONG_CODE } },
        { insert: 'docs', row: { id: 2, title: 'b', body: null, code: 'short' } },
      ],
      [
        // If part of the key is stored out of line, each update includes the key, which has the values that the new row lacks.
        {
          update: 'docs',
          key: { id: 1, code: LONG_CODE },
          row: { id: 1, title: 'c', code: LONG_CODE },
          unchanged: ['body'],
        },
        { update: 'docs', row: { id: 2, title: 'c', body: null, code: 'short' } },
        PADDING,
        {
          update: 'docs',
          key: { id: 1, code: LONG_CODE },
          row: { id: 1, title: 'c', code: 'short' },
          unchanged: ['body'],
        },
        { delete: 'docs', key: { id: 2, code: 'short' } },
        { delete: 'docs', key: { id: 1, code: 'short' } },
      ],
    ],
  },
  {
    name: 'replica identity nothing',
    setup: setup('ALTER TABLE docs REPLICA IDENTITY NOTHING'),
    work: [
      INSERTS,
      `${PAD}
       DO $$ BEGIN UPDATE docs SET title = 'c'; EXCEPTION WHEN object_not_in_prerequisite_state THEN NULL; END $$;
       INSERT INTO docs VALUES (3, 'd', repeat('y', 9000));
       ${PAD}
       TRUNCATE docs`,
    ],
    seen: [
      [
        { insert: 'docs', row: { id: 1, title: 'a', body: LONG } },
        { insert: 'docs', row: { id: 2, title: 'b', body: null } },
      ],
      [PADDING, { insert: 'docs', row: { id: 3, title: 'd', body: LONGER } }, PADDING, { truncate: ['docs'] }],
    ],
  },
];
