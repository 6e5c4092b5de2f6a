import { PAD, PADDING, type Scenario } from './scenario';

const COLUMNS = Array.from({ length: 1600 }, (_, i) => `c${i}`);
const numbers = Object.fromEntries(COLUMNS.map((column, i) => [column, i]));

/** Names of members of all objects, of messages, and of classes. */
const NAMES = ['__proto__', 'constructor', 'kind', 'toString', 'ack', 'new', '', ' ', 'größe "1"'].filter(Boolean);

const list = (names: readonly string[]): string => names.map((name) => `"${name.replaceAll('"', '""')}"`).join(', ');
/** Columns become own properties, whatever their names. */
const rowOf = (names: readonly string[], value: unknown) => Object.fromEntries(names.map((name) => [name, value]));

export const SHAPES: readonly Scenario[] = [
  {
    name: 'a table of 1,600 columns',
    setup: `CREATE TABLE wide (${COLUMNS.map((column) => `${column} smallint`).join(', ')}, PRIMARY KEY (c0))`,
    work: [
      `INSERT INTO wide VALUES (${COLUMNS.map((_, i) => i).join(', ')})`,
      `${PAD}
       UPDATE wide SET c0 = -1, c1599 = NULL;
       ${PAD}
       ALTER TABLE wide REPLICA IDENTITY FULL;
       DELETE FROM wide`,
    ],
    seen: [
      [{ insert: 'wide', row: numbers }],
      [
        PADDING,
        { update: 'wide', key: { c0: 0 }, row: { ...numbers, c0: -1, c1599: null } },
        PADDING,
        { delete: 'wide', old: { ...numbers, c0: -1, c1599: null } },
      ],
    ],
  },
  {
    name: 'a table without columns',
    setup: `CREATE TABLE nothing (); ALTER TABLE nothing REPLICA IDENTITY FULL`,
    work: [
      `INSERT INTO nothing DEFAULT VALUES`,
      `${PAD} INSERT INTO nothing DEFAULT VALUES; ALTER TABLE nothing ADD c int; UPDATE nothing SET c = 1; ${PAD}
       ALTER TABLE nothing DROP c; INSERT INTO nothing DEFAULT VALUES; TRUNCATE nothing`,
    ],
    seen: [
      [{ insert: 'nothing', row: {} }],
      [
        PADDING,
        { insert: 'nothing', row: {} },
        { update: 'nothing', old: { c: null }, row: { c: 1 } },
        { update: 'nothing', old: { c: null }, row: { c: 1 } },
        PADDING,
        { insert: 'nothing', row: {} },
        { truncate: ['nothing'] },
      ],
    ],
  },
  {
    name: 'columns and tables named like members of objects',
    setup: `
      CREATE SCHEMA "constructor";
      CREATE TABLE "__proto__" (${NAMES.map((name) => `${list([name])} text`).join(', ')}, PRIMARY KEY (${list(NAMES)}));
      CREATE TABLE "constructor"."__proto__" (LIKE "__proto__");
      ALTER TABLE "constructor"."__proto__" REPLICA IDENTITY FULL;`,
    work: ['"__proto__"', '"constructor"."__proto__"'].flatMap((table) => [
      `INSERT INTO ${table} VALUES (${NAMES.map(() => `'a'`).join(', ')})`,
      `${PAD} UPDATE ${table} SET (${list(NAMES)}) = ROW (${NAMES.map(() => `'b'`).join(', ')}); DELETE FROM ${table}`,
    ]),
    seen: [
      [{ insert: '__proto__', row: rowOf(NAMES, 'a') }],
      [
        PADDING,
        { update: '__proto__', key: rowOf(NAMES, 'a'), row: rowOf(NAMES, 'b') },
        { delete: '__proto__', key: rowOf(NAMES, 'b') },
      ],
      [{ insert: 'constructor.__proto__', row: rowOf(NAMES, 'a') }],
      [
        PADDING,
        { update: 'constructor.__proto__', old: rowOf(NAMES, 'a'), row: rowOf(NAMES, 'b') },
        { delete: 'constructor.__proto__', old: rowOf(NAMES, 'b') },
      ],
    ],
  },
];
