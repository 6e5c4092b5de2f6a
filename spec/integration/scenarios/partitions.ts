import { PAD, PADDING, type Scenario } from './scenario';

/** The columns of the second partition have another order, and one was dropped. */
const SETUP = `
  CREATE TABLE parts (id int, region text, note text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
  CREATE TABLE north PARTITION OF parts FOR VALUES IN ('north');
  CREATE TABLE south (gone int, note text, region text NOT NULL, id int NOT NULL);
  ALTER TABLE south DROP COLUMN gone;
  ALTER TABLE parts ATTACH PARTITION south FOR VALUES IN ('south');`;

const WORK = [
  `INSERT INTO parts VALUES (1, 'north', 'a'), (2, 'south', 'b')`,
  `UPDATE parts SET note = 'c' WHERE id = 1;
   ${PAD}
   UPDATE parts SET region = 'south' WHERE id = 1;
   UPDATE parts SET id = 20 WHERE id = 2;
   ${PAD}
   DELETE FROM parts WHERE id = 1`,
  `TRUNCATE parts`,
  `${PAD} INSERT INTO parts VALUES (3, 'south', 'd'); TRUNCATE south; INSERT INTO parts VALUES (4, 'south', 'e')`,
];

export const PARTITIONS: readonly Scenario[] = [
  {
    name: 'partitions by their own names',
    setup: SETUP,
    published: 'FOR TABLE parts, padding',
    work: WORK,
    seen: [
      [
        { insert: 'north', row: { id: 1, region: 'north', note: 'a' } },
        { insert: 'south', row: { id: 2, region: 'south', note: 'b' } },
      ],
      [
        { update: 'north', row: { id: 1, region: 'north', note: 'c' } },
        PADDING,
        { delete: 'north', key: { id: 1, region: 'north' } },
        { insert: 'south', row: { id: 1, region: 'south', note: 'c' } },
        { update: 'south', key: { id: 2, region: 'south' }, row: { id: 20, region: 'south', note: 'b' } },
        PADDING,
        { delete: 'south', key: { id: 1, region: 'south' } },
      ],
      [{ truncate: ['north', 'south'] }],
      [
        PADDING,
        { insert: 'south', row: { id: 3, region: 'south', note: 'd' } },
        { truncate: ['south'] },
        { insert: 'south', row: { id: 4, region: 'south', note: 'e' } },
      ],
    ],
  },
  {
    name: 'partitions by the name of the whole table',
    setup: SETUP,
    published: 'FOR TABLE parts, padding WITH (publish_via_partition_root)',
    work: WORK,
    seen: [
      [
        { insert: 'parts', row: { id: 1, region: 'north', note: 'a' } },
        { insert: 'parts', row: { id: 2, region: 'south', note: 'b' } },
      ],
      [
        { update: 'parts', row: { id: 1, region: 'north', note: 'c' } },
        PADDING,
        { delete: 'parts', key: { id: 1, region: 'north' } },
        { insert: 'parts', row: { id: 1, region: 'south', note: 'c' } },
        { update: 'parts', key: { id: 2, region: 'south' }, row: { id: 20, region: 'south', note: 'b' } },
        PADDING,
        { delete: 'parts', key: { id: 1, region: 'south' } },
      ],
      [{ truncate: ['parts'] }],
      // Truncating a single partition is not sent.
      [
        PADDING,
        { insert: 'parts', row: { id: 3, region: 'south', note: 'd' } },
        { insert: 'parts', row: { id: 4, region: 'south', note: 'e' } },
      ],
    ],
  },
];
