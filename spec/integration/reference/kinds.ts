import type { Random } from '../../chaos/random';

/** A kind of column. Equal values have equal texts, so that a row can be found by all its values. */
export interface Kind {
  /** The name of the type in SQL. */
  readonly sql: string;
  /** A value, as an SQL expression. */
  readonly value: (random: Random) => string;
  /** Values for each `g`, as an SQL expression. */
  readonly many: string;
  /** Whether pg's parser rounds it, or cannot represent it. */
  readonly needsExact?: true;
  /** Whether it is stored out of line, uncompressed. */
  readonly external?: true;
}

/** SQL that the kinds below require. */
export const PRELUDE = `
  CREATE TYPE mood AS ENUM ('sad', 'so, so', 'happy');
  CREATE DOMAIN digit AS int CHECK (VALUE BETWEEN 0 AND 9);
  CREATE TYPE spot AS (x int, label text, moods mood[]);`;

const PIECES = [
  'a',
  'B',
  "'",
  '"',
  '\\',
  '{',
  '}',
  ',',
  '(',
  ')',
  ' ',
  'NULL',
  '\n',
  '\t',
  'ß',
  '🌍',
  '%',
  ';',
] as const;

function anyText(random: Random): string {
  return Array.from({ length: random.between(0, 12) }, () => random.pick(PIECES)).join('');
}

export function quote(text: string): string {
  return `E'${text.replace(/['\\]/g, '\\$&')}'`;
}

function list(random: Random, item: () => string): string {
  const items = Array.from({ length: random.between(0, 4) }, () => (random.chance(0.2) ? 'NULL' : item()));
  return `ARRAY[${items.join(', ')}]`;
}

const textLiteral = (random: Random): string => quote(anyText(random));
const mood = (random: Random): string => quote(random.pick(['sad', 'so, so', 'happy']));

export const TEXT: Kind = { sql: 'text', value: textLiteral, many: 'md5(g::text)' };

export const KINDS: readonly [Kind, ...Kind[]] = [
  { sql: 'int', value: (random) => String(random.between(-2_000_000_000, 2_000_000_000)), many: 'g * 7919' },
  { sql: 'bigint', value: (random) => `9007199254740993 + ${random.between(0, 1_000_000)}`, many: 'g * 9007199254741' },
  TEXT,
  {
    sql: 'text',
    value: (random) => `repeat(${quote(`long ${random.between(0, 99_999)} `)}, ${random.between(1, 500)})`,
    many: `repeat(md5(g::text), 10 + g % 100)`,
    external: true,
  },
  { sql: 'varchar(40)', value: textLiteral, many: `'v' || g` },
  { sql: 'char(8)', value: (random) => quote(String(random.between(0, 99_999))), many: `g::text` },
  {
    sql: 'numeric(14,3)',
    value: (random) => `${random.between(-99_999_999, 99_999_999)}.125`,
    many: `g / 8.0`,
  },
  { sql: 'float8', value: (random) => `${random.next()}`, many: `1 / g::float8` },
  { sql: 'boolean', value: (random) => String(random.chance(0.5)), many: `g % 2 = 0` },
  {
    sql: 'bytea',
    value: (random) => `sha256('${random.between(0, 99_999)}')`,
    many: `decode(md5(g::text), 'hex')`,
  },
  { sql: 'uuid', value: (random) => `md5('${random.between(0, 99_999)}')::uuid`, many: `md5(g::text)::uuid` },
  {
    sql: 'jsonb',
    value: (random) =>
      `jsonb_build_object('a', ${random.between(0, 999)}, 'b', ${list(random, () => textLiteral(random))}::text[])`,
    many: `jsonb_build_array(g, g::text, NULL)`,
  },
  {
    sql: 'timestamptz',
    value: (random) => `timestamptz '2024-02-29 12:34:56.789Z' + ${random.between(0, 9_999)} * interval '1 hour'`,
    many: `timestamptz '2024-02-29 12:34:56.789Z' + g * interval '1 second'`,
  },
  {
    sql: 'timestamp',
    value: (random) => `timestamp '0044-03-15 12:34:56.789012 BC' + ${random.between(0, 9_999)} * interval '1 day'`,
    many: `timestamp '2024-02-29 12:34:56.789012' + g * interval '1 second'`,
    needsExact: true,
  },
  {
    sql: 'date',
    value: (random) => (random.chance(0.2) ? `'infinity'` : `date '2024-02-29' + ${random.between(0, 99_999)}`),
    many: `date '2024-02-29' + g`,
    needsExact: true,
  },
  {
    sql: 'time',
    value: (random) => `'12:34:${random.between(10, 59)}.000001'`,
    many: `time '00:00' + g * interval '1s'`,
  },
  { sql: 'int4range', value: (random) => `int4range(1, ${random.between(1, 99)})`, many: `int4range(g, NULL)` },
  { sql: 'inet', value: (random) => `'10.0.0.${random.between(0, 255)}'`, many: `inet '10.0.0.0' + g` },
  {
    sql: 'int[]',
    value: (random) => `${list(random, () => String(random.between(0, 99)))}::int[]`,
    many: `ARRAY[g, NULL]`,
  },
  {
    sql: 'text[]',
    value: (random) => `${list(random, () => textLiteral(random))}::text[]`,
    many: `ARRAY[g::text, '']`,
  },
  {
    sql: 'bigint[]',
    value: (random) => `${list(random, () => `9007199254740993`)}::bigint[]`,
    many: `ARRAY[[g, g], [NULL, 0]]`,
  },
  { sql: 'mood', value: mood, many: `(enum_range(NULL::mood))[1 + g % 3]` },
  { sql: 'mood[]', value: (random) => `${list(random, () => mood(random))}::mood[]`, many: `enum_range(NULL::mood)` },
  { sql: 'digit', value: (random) => String(random.between(0, 9)), many: `g % 10` },
  { sql: 'digit[]', value: (random) => `${list(random, () => String(random.between(0, 9)))}::digit[]`, many: `ARRAY[g % 10]::digit[]` }, // prettier-ignore
  {
    sql: 'spot',
    value: (random) =>
      `ROW(${random.between(0, 9)}, ${textLiteral(random)}, ${list(random, () => mood(random))}::mood[])::spot`,
    many: `ROW(g, md5(g::text), NULL)::spot`,
  },
  {
    sql: 'spot[]',
    value: (random) => `${list(random, () => `ROW(1, ${textLiteral(random)}, NULL)`)}::spot[]`,
    many: `ARRAY[ROW(g, ' ', '{}')::spot, NULL]`,
  },
];
