import { PAD, PADDING, type Scenario } from './scenario';

export const TRUNCATE: readonly Scenario[] = [
  {
    name: 'TRUNCATE of several tables, with CASCADE and RESTART IDENTITY',
    setup: `
      CREATE TABLE a (id serial PRIMARY KEY);
      CREATE TABLE b (id serial PRIMARY KEY, a int REFERENCES a);
      CREATE TABLE c (id int);
      CREATE TABLE unpublished (a int REFERENCES a);`,
    published: 'FOR TABLE a, b, c, padding',
    work: [
      `TRUNCATE a CASCADE`,
      `INSERT INTO a DEFAULT VALUES;
       ${PAD}
       TRUNCATE c, b RESTART IDENTITY;
       INSERT INTO b (a) VALUES (1);
       ${PAD}
       TRUNCATE a, c RESTART IDENTITY CASCADE;
       INSERT INTO a DEFAULT VALUES;
       TRUNCATE padding, unpublished`,
      `TRUNCATE unpublished`,
    ],
    seen: [
      [{ truncate: ['a', 'b'], cascade: true }],
      [
        { insert: 'a', row: { id: 1 } },
        PADDING,
        { truncate: ['c', 'b'], restartIdentity: true },
        { insert: 'b', row: { id: 1, a: 1 } },
        PADDING,
        { truncate: ['a', 'c', 'b'], cascade: true, restartIdentity: true },
        { insert: 'a', row: { id: 1 } },
        { truncate: ['padding'] },
      ],
    ],
  },
];
