import pg from 'pg';
import type { TypeParsers } from '../../../lib/pgoutput/values/values';
import { decodeError, decodeLast } from '../support/decode';
import { buildBegin, type ColumnFields, buildInsert, buildRelation, buildUpdate } from '../../../lib/testing/payloads';

/** Type, OID, the text that PostgreSQL prints with the session settings of the library, and the value of `pg`. */
const VALUES: readonly (readonly [string, number, string, unknown])[] = [
  ['bool', 16, 't', true],
  ['bool', 16, 'f', false],
  ['int2', 21, '-32768', -32768],
  ['int4', 23, '2147483647', 2147483647],
  ['int8', 20, '9223372036854775807', '9223372036854775807'],
  ['oid', 26, '4294967295', 4294967295],
  ['float4', 700, '0.1', 0.1],
  ['float8', 701, '-Infinity', -Infinity],
  ['float8', 701, 'NaN', NaN],
  ['numeric', 1700, '123456789012345678901234567890.10', '123456789012345678901234567890.10'],
  ['text', 25, 'Grüße, 世界 🌍', 'Grüße, 世界 🌍'],
  ['text', 25, '', ''],
  ['varchar', 1043, ' x ', ' x '],
  ['bpchar', 1042, 'x   ', 'x   '],
  ['json', 114, '{"a": [1, null, "b"]}', { a: [1, null, 'b'] }],
  ['jsonb', 3802, 'null', null],
  ['bytea', 17, '\\x00ff10', Buffer.of(0, 255, 16)],
  ['timestamptz', 1184, '2024-02-29 12:34:56.789123+00', new Date('2024-02-29T12:34:56.789Z')],
  ['timestamptz', 1184, '0044-03-15 12:00:00+00 BC', new Date('-000043-03-15T12:00:00Z')],
  ['timestamptz', 1184, 'infinity', Infinity],
  ['timestamp', 1114, '2024-02-29 12:34:56.7', new Date(2024, 1, 29, 12, 34, 56, 700)],
  ['date', 1082, '2024-02-29', new Date(2024, 1, 29)],
  ['date', 1082, '-infinity', -Infinity],
  ['time', 1083, '24:00:00', '24:00:00'],
  [
    'interval',
    1186,
    '1 year 2 mons 3 days 04:05:06.5',
    { years: 1, months: 2, days: 3, hours: 4, minutes: 5, seconds: 6, milliseconds: 500 },
  ],
  ['uuid', 2950, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  ['point', 600, '(1.5,-2)', { x: 1.5, y: -2 }],
  ['circle', 718, '<(1,2),3>', { x: 1, y: 2, radius: 3 }],
  ['inet', 869, '10.0.0.0/8', '10.0.0.0/8'],
  ['bool[]', 1000, '{t,f,NULL}', [true, false, null]],
  ['int2[]', 1005, '{1,-2}', [1, -2]],
  [
    'int4[]',
    1007,
    '{{1,2},{3,NULL}}',
    [
      [1, 2],
      [3, null],
    ],
  ],
  ['int4[]', 1007, '[0:1]={1,2}', [1, 2]],
  ['int8[]', 1016, '{9223372036854775807,NULL}', ['9223372036854775807', null]],
  ['float8[]', 1022, '{1.5,NaN}', [1.5, NaN]],
  ['numeric[]', 1231, '{1.50}', [1.5]],
  ['text[]', 1009, '{a,"b,\\"c\\"",NULL,"NULL",""}', ['a', 'b,"c"', null, 'NULL', '']],
  ['text[]', 1009, '{}', []],
  ['jsonb[]', 3807, '{"{\\"a\\": 1}",NULL}', [{ a: 1 }, null]],
  [
    'bytea[]',
    1001,
    '{{"\\\\x","\\\\xFF"},{NULL,"\\\\x00"}}',
    [
      [Buffer.of(), Buffer.of(255)],
      [null, Buffer.of(0)],
    ],
  ],
  ['bytea[]', 1001, '{"\\\\x00ff"}', [Buffer.of(0, 255)]],
  ['timestamptz[]', 1185, '{"2024-02-29 12:00:00+00"}', [new Date('2024-02-29T12:00:00Z')]],
  ['timestamp[]', 1115, '{"2024-02-29 12:00:00"}', [new Date(2024, 1, 29, 12)]],
  ['date[]', 1182, '{2024-02-29,NULL}', [new Date(2024, 1, 29), null]],
  ['interval[]', 1187, '{1 day}', [{ days: 1 }]],
  ['uuid[]', 2951, '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}', ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']],
  ['point[]', 1017, '{"(1,2)"}', [{ x: 1, y: 2 }]],
  ['an enum', 16500, 'happy', 'happy'],
];

/** Decodes one row with one column of the type. */
function decodeValue(column: Omit<ColumnFields, 'name'>, text: string, types?: TypeParsers): unknown {
  const payloads = [buildBegin(), buildRelation({ columns: [{ name: 'value', ...column }] }), buildInsert([text])];
  return decodeLast('insert', payloads, types).new.value;
}

describe('the default types', () => {
  it.each(VALUES)('decode %s (%i) %j as pg does', (_, typeOid, text, expected) => {
    const value = decodeValue({ typeOid }, text);
    expect(value).toEqual(expected);
    expect(value).toStrictEqual(pg.types.getTypeParser(typeOid, 'text')(text));
  });

  it('follow changes of pg.types', () => {
    const before = pg.types.getTypeParser(20, 'text');
    pg.types.setTypeParser(20, BigInt);
    try {
      expect(decodeValue({ typeOid: 20 }, '9007199254740993')).toBe(9007199254740993n);
    } finally {
      pg.types.setTypeParser(20, before);
    }
  });
});

describe('custom types', () => {
  it('may be pg.types, or an object for the option types of pg', () => {
    const config: pg.CustomTypesConfig = { getTypeParser: pg.types.getTypeParser };
    const accepted: TypeParsers[] = [pg.types, config, new pg.TypeOverrides()];
    for (const types of accepted) expect(decodeValue({ typeOid: 21 }, '7', types)).toBe(7);
  });

  it('are called only with the format text', () => {
    // Would not compile if another format existed.
    const formats: Record<Parameters<TypeParsers['getTypeParser']>[1], true> = { text: true };
    expect(Object.keys(formats)).toEqual(['text']);
  });

  it('are called once for each column of a relation, for the text format, as a method', () => {
    const asked: [number, string][] = [];
    const types = {
      suffix: '!',
      getTypeParser(oid: number, format: string) {
        asked.push([oid, format]);
        return (text: string) => text + this.suffix;
      },
    };
    const columns = [{ name: 'id', key: true, typeOid: 23 }, 'name'];
    const payloads = [
      buildBegin(),
      buildRelation({ columns }),
      buildInsert(['1', 'a']),
      buildUpdate(['2', null], { old: ['1', 'a'] }),
    ];
    const message = decodeLast('update', payloads, types);
    expect(message.new).toEqual({ id: '2!', name: null });
    expect(message.old).toEqual({ id: '1!', name: 'a!' });
    expect(asked).toEqual([
      [23, 'text'],
      [25, 'text'],
    ]);
  });
});

describe('a parser that throws', () => {
  const payloads = [
    buildBegin(),
    buildRelation({ schema: 'billing', name: 'invoices', columns: ['id', { name: 'body', typeOid: 114 }] }),
    buildInsert(['1', '{"secret":hunter2}']),
  ];

  it('of pg is an error that names table, column and type, not the value', () => {
    const error = decodeError(payloads);
    expect(error.message).toContain('Column body of billing.invoices (type OID 114)');
    expect(error.message).not.toContain('hunter2');
    expect(error.cause).toBeInstanceOf(SyntaxError);
    expect(error).toMatchObject({ code: 'VALUE_DECODE_FAILED', retryable: false });
  });

  it('of the user is reported as such, and its error is the cause', () => {
    const getTypeParser = (oid: number) => (text: string) => {
      if (oid === 114) throw 'odd';
      return text;
    };
    const error = decodeError(payloads, { getTypeParser });
    expect(error).toMatchObject({ code: 'VALUE_DECODE_FAILED', retryable: false, cause: 'odd' });
    expect(error.message).toMatch(/^Column body of billing.invoices .* correct the parser/);
  });

  it('is reported, too, if getTypeParser itself throws', () => {
    const cause = new Error('no such type');
    const getTypeParser = () => {
      throw cause;
    };
    const error = decodeError(payloads, { getTypeParser });
    expect(error.message).toContain('Column id of billing.invoices (type OID 25)');
    expect(error.cause).toBe(cause);
  });
});

describe('bytea that is not in hex form', () => {
  it.each([
    [17, '\\'],
    [17, 'a\\'],
    [17, '\\q00'],
    [17, '\\X00'],
    [1001, '{\\\\}'],
    [1001, '{"\\\\q"}'],
    [1001, '{"\\\\X00"}'],
    [1001, '{"\\\\x00","a\\\\"}'],
    [1001, '{a"\\\\x"}'],
    [1001, '{"\\\\x00"}a"\\\\x00",{NULL}'],
  ])('is an error, because pg’s parser would not return: %i %s', (typeOid, text) => {
    const error = decodeError([
      buildBegin(),
      buildRelation({ columns: [{ name: 'scan', typeOid }] }),
      buildInsert([text]),
    ]);
    expect(error.message).toContain(`Column scan of users (type OID ${typeOid})`);
    expect(error.message).toContain('that PostgreSQL does not print');
    expect(error).toMatchObject({ code: 'VALUE_DECODE_FAILED' });
  });
});

describe('bytea with bad hex', () => {
  it.each([
    [17, '\\x0'],
    [17, '\\x00zz'],
    [1001, '{"\\\\x00","\\\\x0"}'],
  ])('is an error, because pg’s parser would drop invalid digits: %i %s', (typeOid, text) => {
    const error = decodeError([
      buildBegin(),
      buildRelation({ columns: [{ name: 'scan', typeOid }] }),
      buildInsert([text]),
    ]);
    expect(error.message).toContain(`Column scan of users (type OID ${typeOid})`);
  });
});

describe('a date or time of excessive length', () => {
  it.each([
    [1082, '1'.repeat(1_000_000)],
    [1184, '1'.repeat(1_000_000)],
    [1115, `{"2024-01-01 00:00:00","${'1'.repeat(1_000_000)}"}`],
    // For pg's parser, text between closing braces, or quoted text with commas, is one element.
    [1182, `}${`${'1'.repeat(64)}}`.repeat(15_000)},`],
    [1115, `{"${'2024-01-01 00:00:00,'.repeat(50_000)}\n"}`],
  ])('is an error, because pg’s parser would take minutes: %i', (typeOid, text) => {
    const error = decodeError([
      buildBegin(),
      buildRelation({ columns: [{ name: 'at', typeOid }] }),
      buildInsert([text]),
    ]);
    expect(error.message).toContain(`Column at of users (type OID ${typeOid})`);
  });

  it('is distinguished from one with long years, fractions and offsets', () => {
    const text = '{"294276-12-31 23:59:59.999999+15:59:59","4713-01-01 00:00:00-15:59:59 BC",NULL,infinity}';
    expect(decodeValue({ typeOid: 1185 }, text)).toHaveLength(4);
  });
});
