import { types } from 'pg';
import { PAD, PADDING, type Scenario } from './scenario';

const SETUP = `
  CREATE TYPE mood AS ENUM ('sad', 'so, so', 'NULL');
  CREATE DOMAIN positive AS int CHECK (VALUE > 0);
  CREATE DOMAIN labels AS text[];
  CREATE TYPE spot AS (x int, label text);
  CREATE DOMAIN far_spot AS spot CHECK ((VALUE).x > 9);
  CREATE TYPE nest AS (at spot, moods mood[], "__proto__" positive);
  CREATE TYPE spell AS RANGE (subtype = timestamptz);
  CREATE TABLE made (
    id int PRIMARY KEY,
    mood mood, moods mood[], positive positive, positives positive[], labels labels,
    spot spot, spots spot[], far far_spot, nest nest, spell spell, spells spell[]
  );
  CREATE TABLE built_in (
    id bigint PRIMARY KEY,
    i8s bigint[], price numeric, prices numeric[], f8 float8, at timestamptz, span int4range, spans int4range[],
    document jsonb, bytes bytea, flags bool[], interval interval, times time[], uuid uuid, name name
  );
  ALTER TABLE made REPLICA IDENTITY FULL;`;

const MADE = `
  INSERT INTO made VALUES (
    1, 'so, so', '{sad,"so, so",NULL,"NULL"}', 7, '[0:1]={1,2}', '{{a,"b c"},{"\\"",NULL}}',
    (1, 'a "b", (c)'), ARRAY[(1, NULL), NULL, (NULL, '')]::spot[], (10, 'far'),
    ((2, 'x'), '{sad}', 3), '[2024-02-29 12:00:00+00,)', '{"[-infinity,infinity]",empty}'
  );
  INSERT INTO made (id) VALUES (2)`;

const BUILT_IN = `
  INSERT INTO built_in VALUES (
    9007199254740993, '{-9223372036854775808,NULL}', 1234567890.12345678901234567890, '{1.50,NaN}', 0.1,
    '2024-02-29 12:34:56.789012+00', '[1,5)', '{"[1,5)",empty}',
    '{"big": 9007199254740993, "list": [1.5, "\\"", null]}', '\\x00ff5c', '{t,f,NULL}', '1 mon 2 days 03:04:05.000006',
    '{12:34:56.000001}', '123e4567-e89b-12d3-a456-426614174000', 'a name'
  )`;

const MADE_ROW = {
  id: 1,
  mood: 'so, so',
  moods: ['sad', 'so, so', null, 'NULL'],
  positive: 7,
  positives: [1, 2],
  labels: [
    ['a', 'b c'],
    ['"', null],
  ],
  spot: { x: 1, label: 'a "b", (c)' },
  spots: [{ x: 1, label: null }, null, { x: null, label: '' }],
  far: { x: 10, label: 'far' },
  nest: { at: { x: 2, label: 'x' }, moods: ['sad'], ['__proto__']: 3 },
  spell: '["2024-02-29 12:00:00+00",)',
  spells: ['[-infinity,infinity]', 'empty'],
};
const EMPTY_ROW = { ...Object.fromEntries(Object.keys(MADE_ROW).map((column) => [column, null])), id: 2 };

const EXACT_ROW = {
  id: 9007199254740993n,
  i8s: [-9223372036854775808n, null],
  price: '1234567890.12345678901234567890',
  prices: ['1.50', 'NaN'],
  f8: 0.1,
  at: '2024-02-29 12:34:56.789012+00',
  span: '[1,5)',
  spans: ['[1,5)', 'empty'],
  document: { big: 9007199254740993n, list: [1.5, '"', null] },
  bytes: Buffer.from('00ff5c', 'hex'),
  flags: [true, false, null],
  interval: '1 mon 2 days 03:04:05.000006',
  times: ['12:34:56.000001'],
  uuid: '123e4567-e89b-12d3-a456-426614174000',
  name: 'a name',
};

const INTERVAL = 1186;

/** The values that pg returns for the same row. It does not parse arrays of ranges. */
const PG_ROW = {
  ...EXACT_ROW,
  id: '9007199254740993',
  i8s: ['-9223372036854775808', null],
  prices: [1.5, NaN],
  at: new Date('2024-02-29T12:34:56.789Z'),
  spans: '{"[1,5)",empty}',
  document: { big: 9007199254740992, list: [1.5, '"', null] },
  interval: types.getTypeParser(INTERVAL)(EXACT_ROW.interval),
};

const WORK = [
  `${MADE}; ${BUILT_IN}`,
  `${PAD} UPDATE made SET id = id + 10; ${PAD} DELETE FROM made WHERE id = 11; UPDATE built_in SET id = -1`,
];

function seen(made: object, builtIn: object, id: unknown, changed: unknown): Scenario['seen'] {
  return [
    [
      { insert: 'made', row: { ...made } },
      { insert: 'made', row: EMPTY_ROW },
      { insert: 'built_in', row: { ...builtIn } },
    ],
    [
      PADDING,
      { update: 'made', old: { ...made }, row: { ...made, id: 11 } },
      { update: 'made', old: EMPTY_ROW, row: { ...EMPTY_ROW, id: 12 } },
      PADDING,
      { delete: 'made', old: { ...made, id: 11 } },
      { update: 'built_in', key: { id }, row: { ...builtIn, id: changed } },
    ],
  ];
}

export const VALUES: readonly Scenario[] = [
  {
    name: 'enums, domains, composites, ranges and arrays of them',
    setup: SETUP,
    work: WORK,
    config: { composites: true },
    seen: seen(MADE_ROW, PG_ROW, PG_ROW.id, '-1'),
  },
  {
    name: 'enums, domains, composites, ranges and arrays of them, exactly',
    setup: SETUP,
    work: WORK,
    config: { composites: true, types: 'exact' },
    seen: seen(MADE_ROW, EXACT_ROW, EXACT_ROW.id, -1n),
  },
];
