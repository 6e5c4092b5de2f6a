/** Values of a built-in type: as server input, and as SQL that is evaluated for each `i`. */
export interface TypeValues {
  readonly texts: readonly string[];
  readonly random?: string;
}

const word = `CASE WHEN random() < 0.6 THEN '0' ELSE to_hex((random() * 65535)::int) END`;
const words = `(SELECT string_agg(${word}, ':') FROM generate_series(1, 8) WHERE i > 0)`;
const ipv4 = `(inet '0.0.0.0' + (random() * 4294967295)::bigint)`;
const float = `((random() - 0.5) * 10 ^ (random() * 40 - 20))`;
const point = `point(${float}, ${float})`;
const int8 = `((random() * 4294967295)::bigint << (random() * 63)::int)`;
const numeric = `round((random()::numeric + random()::numeric * 1e-15) * 10::numeric ^ (random() * 80 - 40)::int
  * sign(random() - 0.4)::int, (random() * 60 - 20)::int)`;
const days = `date '4714-11-24 BC' + (random() * 2147483493)::int`;
const timestamp = `timestamp '4714-11-24 BC' + make_interval(secs => floor(random() * CASE WHEN i % 2 = 0 THEN 9.2e12 ELSE 4e11 END))
  + make_interval(secs => CASE WHEN i % 3 = 0 THEN 0 ELSE random() END)`;
const time = `make_time((random() * 23)::int, (random() * 59)::int, floor(random() * 60) + random()::numeric(6, 6)::float8 * 0.99)`;
const some = (limit: number): string => `(CASE WHEN random() < 0.5 THEN 0 ELSE (random() - 0.5) * ${limit} END)`;
const interval = `make_interval(years => ${some(1000)}::int, months => ${some(50)}::int, days => ${some(10_000)}::int,
  secs => ${some(1e6)})`;
const bits = `(random() * 2147483647)::int::bit(31)`;
const between = (value: string): string =>
  `least(a, b), greatest(a, b), '[]') FROM (SELECT ${value} AS a, ${value} AS b) AS q)`;

const MOMENTS = [
  ...['infinity', '-infinity', '2000-01-01', '1999-12-31', '1970-01-01', '2024-02-29', '2023-02-28', '2024-12-31'],
  ...['1900-02-28', '1900-03-01', '2000-02-29', '2100-03-01', '0001-01-01', '0001-12-31 BC', '0005-02-29 BC'],
  ...['0004-02-29', '4714-11-24 BC', '9999-12-31', '10000-01-01', '0099-03-04'],
];
const INSTANTS = [
  ...[
    '2024-05-06 07:08:09.123456',
    '2024-05-06 07:08:09.1',
    '1999-12-31 23:59:59.999999',
    '2000-01-01 00:00:00.000001',
  ],
  ...['294276-12-31 23:59:59.999999', '0044-03-15 12:00:00.5 BC'],
];
const TIMES = ['00:00', '24:00:00', '00:00:00.000001', '23:59:59.999999', '04:05:06.78', '12:00'];

/** By the type's name in pg_type. */
export const VALUES: Readonly<Record<string, TypeValues>> = {
  bool: { texts: ['t', 'f'] },
  bytea: { texts: ['\\x', '\\x00ff5c27'], random: `decode(repeat(md5(i::text), i % 7), 'hex')` },
  char: { texts: ['x', '', ' ', '"', '~', '\\'] },
  name: { texts: ['a name', '', 'ä'] },
  text: { texts: ['', 'grüße, 世界 🐘', 'a b', 'NULL', 'tab\tnew\nline\\'], random: `md5(i::text)` },
  varchar: { texts: ['', 'a b', ' x '] },
  bpchar: { texts: ['', 'ab   ', 'ä'] },
  refcursor: { texts: ['a cursor'] },
  json: { texts: ['{"a": [1, null, "b\\"ä"]}', 'null', ' 1 ', '"x"'] },
  jsonb: { texts: ['{"a": [1, null, "b\\"ä"], "": {}}', 'null', '12345678901234567890.10', '"\\u0041"'] },
  jsonpath: {
    texts: ['$.a[*] ? (@ > 1)', 'strict $', '$."a b"', 'lax $.a.**{2 to last}.type()', '$ ? (@ like_regex "^ä")'],
  },
  xml: {
    texts: [
      ...['<a b="c">d</a>', 'ä', '', '<?xml version="1.0" encoding="UTF-8"?><a/>', '<?xml version="1.1"?><a>ä</a>'],
      ...['<?xml version="1.0" encoding="UTF-8" standalone="yes"?><a/>', '<?xml version="1.0" standalone="no"?><a/>'],
      ...['<?xml version="1.0" encoding="UTF-8"?>\n\n<a/>', '<?xml-stylesheet href="a"?><a/>', '<!DOCTYPE a><a/>'],
    ],
  },

  int2: { texts: ['0', '-1', '-32768', '32767'], random: `(random() * 65535 - 32768)::int` },
  int4: { texts: ['0', '-1', '-2147483648', '2147483647'], random: `(random() * 4294967295 - 2147483648)::bigint` },
  int8: {
    texts: [
      ...['0', '-1', '-9223372036854775808', '9223372036854775807', '9007199254740991', '9007199254740992'],
      ...[
        '9007199254740993',
        '-9007199254740991',
        '-9007199254740992',
        '-9007199254740993',
        '4294967296',
        '-4294967297',
      ],
    ],
    random: int8,
  },
  oid: { texts: ['0', '4294967295'], random: `(random() * 4294967295)::bigint` },
  xid: { texts: ['0', '4294967295'] },
  cid: { texts: ['0', '4294967295'] },
  xid8: { texts: ['0', '18446744073709551615', '9007199254740993', '4294967296'] },
  tid: { texts: ['(0,0)', '(4294967295,65535)', '(7,1)'] },
  pg_lsn: { texts: ['0/0', '16/B374D848', 'FFFFFFFF/FFFFFFFF', '1/1'] },
  pg_snapshot: { texts: ['10:20:', '10:20:10', '10:20:10,14,15', '1:9223372036854775807:'] },
  txid_snapshot: { texts: ['10:20:', '10:20:10,14,15', '9007199254740993:9007199254740999:9007199254740995'] },
  money: {
    texts: [
      ...['0', '0.05', '-0.05', '1', '999.99', '-999.99', '1000', '-1234567.89', '123456', '1234567890.12'],
      ...['92233720368547758.07', '-92233720368547758.08', '90071992547409.93'],
    ],
    random: `(${int8})::numeric / 100`,
  },

  float4: {
    texts: ['0', '-0', 'NaN', 'Infinity', '-Infinity', '1e-45', '3.4028235e38', '0.1', '100000', '1e6', '1e-4', '1e-5'],
  },
  float8: {
    texts: [
      ...['0', '-0', 'NaN', 'Infinity', '-Infinity', '5e-324', '1.7976931348623157e308', '0.1', '0.30000000000000004'],
      ...['999999999999999', '1e15', '1e14', '0.0001', '0.00001', '-1.5e-7', '1e100', '1e-100', '123456789.125', '1e9'],
    ],
    random: float,
  },
  numeric: {
    texts: [
      ...[
        '0',
        '0.00',
        'NaN',
        'Infinity',
        '-Infinity',
        '1',
        '-1',
        '10000',
        '9999',
        '99990000',
        '100000000',
        '1e100',
        '-1e-100',
      ],
      ...[
        '0.0001',
        '0.00001',
        '0.00010',
        '1.50',
        '1234.5678',
        '12345.67890',
        '-0.05',
        '12345678901234567890.1234567890',
      ],
      ...['-0.000', '0.00001234', '123400000000.00000000', '-1e131071', `${'9'.repeat(131_072)}.${'9'.repeat(16_383)}`],
      ...['0.00000000000000000000', '1e131071', '1e-16383', '10000.0001', '100000000.00000001', '0.9999'],
    ],
    random: numeric,
  },
  uuid: { texts: ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'], random: `md5(i::text)` },

  date: { texts: [...MOMENTS, '5874897-12-31'], random: days },
  timestamp: { texts: [...MOMENTS, ...INSTANTS], random: timestamp },
  timestamptz: { texts: [...MOMENTS, ...INSTANTS, '2024-05-06 07:08:09+05:30'], random: timestamp },
  time: { texts: TIMES, random: time },
  timetz: {
    texts: [
      ...TIMES.map((clock) => `${clock}+00`),
      ...['04:05-08', '04:05+05:30', '04:05-00:00:01', '23:59:59.999999+15:59:59', '00:00-15:59:59', '12:00+01:00:01'],
    ],
    random: time,
  },
  interval: {
    texts: [
      ...['0', '1 year', '-1 year', '1 mon', '2 mons', '-1 mon', '1 day', '-1 days', '13 mons', '-13 mons', '-11 mons'],
      ...[
        '1 year 2 mons -3 days 04:05:06.789',
        '-1 mon 1 day',
        '-1 day 01:00',
        '-1 day -01:00',
        '1 day -00:00:00.000001',
      ],
      ...['-00:00:00.000001', '00:00:00.1', '-00:00:01', '-00:00:01.5', '100:00:00', '-2147483647:59:59.999999'],
      ...['2147483647 mons', '-2147483648 mons', '-2147483648 mons -2147483648 days', '1 mon -1 days 00:00:00.5'],
      ...['178000000 years', '-178000000 years', '2147483647 days', '-2147483648 days', '1 mon 1 day 00:00:01'],
    ],
    random: interval,
  },

  bit: { texts: ['0', '1'], random: `substring(${bits}, 1, i % 31 + 1)` },
  varbit: { texts: ['', '1', '10110', '10101010', '101010101'], random: `substring(${bits}, 1, i % 32)` },
  inet: {
    texts: [
      ...[
        '192.168.0.1/24',
        '0.0.0.0/0',
        '255.255.255.255',
        '1.2.3.4/32',
        '1.2.3.4/31',
        '::',
        '::1',
        '::2',
        '::1.2.3.4',
      ],
      ...[
        '::ffff:1.2.3.4',
        '::ffff:0:0',
        '::fffe:1.2.3.4',
        '::1:2:3',
        '1::',
        '1:0:0:2::',
        '1::2:0:0:3',
        '2001:db8::/32',
      ],
      ...[
        ...['0:0:0:1::', '1:0:0:2:0:0:0:3', '1:0:0:0:2:0:0:0', '::1:0:0', '::ffff:0:1.2.3.4', '::ffff:1.2.3.4/96'],
        '0:1:0:1:0:1:0:1',
        '1:2:3:4:5:6:7:8/127',
        '::1/128',
        '::/0',
        '0:0:1::',
        '::0.0.0.1',
        '::0.1.0.0',
        'fe80::1/64',
      ],
    ],
    random: `CASE i % 2 WHEN 0 THEN set_masklen(${ipv4}, (random() * 32)::int)
      ELSE set_masklen(${words}::inet, (random() * 128)::int) END`,
  },
  cidr: {
    texts: ['10.0.0.0/8', '1.2.3.4', '0.0.0.0/0', '::/0', '::1', '2001:db8::/32', '::ffff:1.2.3.0/120', '::/128'],
    random: `network(CASE i % 2 WHEN 0 THEN set_masklen(${ipv4}, (random() * 32)::int)
      ELSE set_masklen(${words}::inet, (random() * 128)::int) END)`,
  },
  macaddr: { texts: ['08:00:2b:01:02:03', '00:00:00:00:00:00'], random: `left(md5(i::text), 12)` },
  macaddr8: { texts: ['08:00:2b:01:02:03:04:05', 'ff:ff:ff:ff:ff:ff:ff:ff'], random: `left(md5(i::text), 16)` },

  point: { texts: ['(1.5,-2)', '(NaN,Infinity)', '(-0,1e-300)', '(1e15,0.1)'], random: point },
  lseg: { texts: ['[(0,0),(1,1)]'], random: `lseg(${point}, ${point})` },
  box: { texts: ['(1,1),(0,0)'], random: `box(${point}, ${point})` },
  path: { texts: ['[(NaN,-Infinity)]', '((-0,1e-300))', '[(0,0),(1,1)]', '((0,0),(1,1),(2,0.5))', '[(1,2)]'] },
  polygon: { texts: ['((0,0),(1,0),(1,1))', '((1,2))'], random: `polygon(i % 9 + 2, circle(${point}, 2))` },
  line: { texts: ['{1,2,3}', '{0,-1,0.1}', '{-0,1e300,NaN}'] },
  circle: { texts: ['<(-0,NaN),0>', '<(1,2),3>', '<(0,0),Infinity>'], random: `circle(${point}, random() * 100)` },

  tsvector: {
    texts: [
      ...[
        '',
        `'fat':2A 'cat':3`,
        `'a':1A,2B,3C,4D,16383`,
        `'it''s' 'back\\\\slash' 'ä b':7`,
        `'x'`,
        `' ' 'a':1 'b'`,
        `'\n\t':1B 'ſ🐘':16383A`,
      ],
    ],
    random: `to_tsvector('simple', md5(i::text) || ' ' || md5((i % 3)::text) || ' ' || repeat('a b ', i % 20))`,
  },
  tsquery: {
    texts: [
      ...[
        '',
        'a',
        'a & b',
        'a | b',
        '!a',
        'a <-> b',
        'a <3> b',
        'a & b | c',
        'a & (b | c)',
        '!(a & b)',
        '!!a',
        '!a & b',
      ],
      ...['a <-> (b <-> c)', '(a <-> b) <-> c', 'a & (b & c)', '(a | b) <-> c', '!a <-> b', '!(a <-> b)', 'a <0> b'],
      ...[
        `'it''s':*AB`,
        'x:ABCD',
        'y:*',
        `'back\\\\slash' | 'ä b':D`,
        'a <16384> b',
        `'x y':*D <-> !'z':C`,
        '(a | b) & !(c | d) & e',
        'a <-> (b | c) <-> d',
      ],
    ],
  },
  int2vector: { texts: ['', '1', '1 -2 32767', '-32768 0'] },
  oidvector: { texts: ['', '1', '1 4294967295'] },

  int4range: {
    texts: ['empty', '[1,5)', '(,3)', '[3,)', '(,)'],
    random: `(SELECT int4range(${between('(random() * 1000)::int')}`,
  },
  int8range: { texts: ['empty', '[-9223372036854775808,9223372036854775807)', '(,)'] },
  numrange: {
    texts: ['empty', '[1.50,2]', '(1.5,)', '(,NaN]', '[NaN,NaN]', '[-Infinity,Infinity)', '[-1e131071,1e131071)'],
    random: `(SELECT numrange(${between(numeric)}`,
  },
  tsrange: { texts: ['empty', '[2024-01-01 00:00,2024-01-02 03:04)', '(,infinity]', '["0044-03-15 BC",2024-01-01)'] },
  tstzrange: { texts: ['[2024-01-01 00:00+02,infinity)', '(,)'], random: `(SELECT tstzrange(${between(timestamp)}` },
  daterange: {
    texts: ['[2024-01-01,2024-02-01)', '(,)', '[-infinity,infinity)', '[4714-11-24 BC,5874897-12-31)'],
    random: `(SELECT daterange(${between(days)}`,
  },
  int4multirange: { texts: ['{}', '{[1,3),[5,7)}', '{(,)}'] },
  int8multirange: { texts: ['{}', '{[1,3),[9007199254740993,)}'] },
  nummultirange: { texts: ['{}', '{[1.5,2.50],(7,)}'] },
  tsmultirange: { texts: ['{}', '{[2024-01-01 00:00,2024-01-02 03:04),[2025-01-01,)}'] },
  tstzmultirange: { texts: ['{(,2024-01-01 00:00+00),[2025-01-01 00:00+00,infinity)}'] },
  datemultirange: { texts: ['{[2024-01-01,2024-02-01),["0044-03-15 BC","0043-03-15 BC")}'] },
};
