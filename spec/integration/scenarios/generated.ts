import { PAD, PADDING, type Scenario } from './scenario';

const SETUP = `
  CREATE TABLE squares (id int PRIMARY KEY, n int, square int GENERATED ALWAYS AS (n * n) STORED, note text);`;

/** Updates need all columns to be published (18), and a virtual column has no value to send. */
const MORE = `
  CREATE TABLE full_squares (LIKE squares INCLUDING GENERATED);
  ALTER TABLE full_squares REPLICA IDENTITY FULL;
  ALTER TABLE squares ADD COLUMN cube int GENERATED ALWAYS AS (n * n * n) VIRTUAL;`;

const WORK = [
  `INSERT INTO squares VALUES (1, 3, DEFAULT, 'a')`,
  `${PAD} UPDATE squares SET n = 4; UPDATE squares SET id = 2; ${PAD} DELETE FROM squares`,
];

export const GENERATED: readonly Scenario[] = [
  {
    name: 'generated columns, which are not published',
    setup: SETUP,
    work: WORK,
    seen: [
      [{ insert: 'squares', row: { id: 1, n: 3, note: 'a' } }],
      [
        PADDING,
        { update: 'squares', row: { id: 1, n: 4, note: 'a' } },
        { update: 'squares', key: { id: 1 }, row: { id: 2, n: 4, note: 'a' } },
        PADDING,
        { delete: 'squares', key: { id: 2 } },
      ],
    ],
  },
  {
    name: 'generated columns, published where they are stored',
    since: 18,
    setup: SETUP + MORE,
    published: 'FOR ALL TABLES WITH (publish_generated_columns = stored)',
    work: [
      ...WORK,
      `${PAD} INSERT INTO full_squares VALUES (1, 3); UPDATE full_squares SET n = NULL; DELETE FROM full_squares`,
    ],
    seen: [
      [{ insert: 'squares', row: { id: 1, n: 3, square: 9, note: 'a' } }],
      [
        PADDING,
        { update: 'squares', row: { id: 1, n: 4, square: 16, note: 'a' } },
        { update: 'squares', key: { id: 1 }, row: { id: 2, n: 4, square: 16, note: 'a' } },
        PADDING,
        { delete: 'squares', key: { id: 2 } },
      ],
      [
        PADDING,
        { insert: 'full_squares', row: { id: 1, n: 3, square: 9, note: null } },
        {
          update: 'full_squares',
          old: { id: 1, n: 3, square: 9, note: null },
          row: { id: 1, n: null, square: null, note: null },
        },
        { delete: 'full_squares', old: { id: 1, n: null, square: null, note: null } },
      ],
    ],
  },
];
