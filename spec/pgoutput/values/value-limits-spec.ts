import { PgoutputDecoder } from '../../../lib/pgoutput/decode/decoder';
import { exactTypes } from '../../../lib/pgoutput/values/exact-types';
import { UndecodedValue } from '../../../lib/pgoutput/values/undecoded-value';
import { ValueError } from '../../../lib/pgoutput/values/value-error';
import { checkElements, LimitError } from '../../../lib/pgoutput/values/value-limits';
import { TypeCatalog } from '../../../lib/pgoutput/types/type-catalog';
import { buildBegin, buildInsert, buildRelation } from '../../../lib/testing/payloads';
import { captureError } from '../../support/capture-error';
import { arrayOf, i32, numericOf, recordOf } from '../binary/support/bytes';

const NUMERIC = 1700;
const NUMERICS = 1231;
const RANGES = 3907;
const TSQUERY = 3615;
const VARBIT = 1562;
const ROW = 20_000;

/** Far more digits than bytes. */
const LONG = numericOf(32_767, 0, 0, [1]);
const NESTED = Array.from({ length: 66 }).reduce<Buffer>((value) => recordOf([[ROW, value]]), recordOf([]));

/** Values that a server can send, each beyond a limit of the library. */
const BEYOND: [what: string, typeOid: number, value: Buffer][] = [
  [
    'an array whose text is far longer than its bytes',
    NUMERICS,
    arrayOf(NUMERIC, [[200, 1]], Array<Buffer>(200).fill(LONG)),
  ],
  [
    'ranges in an array whose text is far longer than its bytes',
    RANGES,
    arrayOf(3906, [[200, 1]], Array<Buffer>(200).fill(Buffer.concat([Buffer.from([0x12]), i32(LONG.length), LONG]))),
  ],
  ['a row of too many levels', ROW, NESTED],
  [
    'a query of too many levels',
    TSQUERY,
    Buffer.concat([i32(1_000_002), Buffer.alloc(2_000_002, Buffer.from([2, 1])), Buffer.from([1, 0, 0, 0x61, 0])]),
  ],
  ['a query of too many items', TSQUERY, Buffer.concat([i32(2 ** 22 + 1), Buffer.alloc(2 ** 23 + 2)])],
];

function decode(typeOid: number, value: Buffer, onDecodeError: 'error' | 'deliver'): unknown {
  const catalog = new TypeCatalog();
  catalog.learn([], new Map([[ROW, { kind: 'composite', attributes: [] }]]));
  const decoder = new PgoutputDecoder(exactTypes, { catalog, onDecodeError });
  const payloads = [
    buildBegin({ commitLsn: 0x16b6c50n }),
    buildRelation({ schema: 'app', name: 'docs', columns: [{ name: 'body', typeOid }] }),
    buildInsert([value]),
  ];
  return payloads.map((payload) => decoder.decode(payload, 0, payload.length)).at(-1);
}

describe('a value beyond a limit', () => {
  it.each(BEYOND)('%s is reported as a limit of the library, with its position and a remedy', (_, typeOid, value) => {
    const error = captureError(() => decode(typeOid, value, 'error'));
    expect(error).toBeInstanceOf(ValueError);
    expect(error).toMatchObject({ code: 'VALUE_DECODE_FAILED', retryable: false, table: 'app.docs', column: 'body' });
    expect(error.message).toContain('a limit of this library');
    expect(error.message).toContain("onDecodeError: 'deliver'");
    expect(error.message).not.toMatch(/not as PostgreSQL|proxy|pooler/);
  });

  it.each(BEYOND)('%s is delivered undecoded', (_, typeOid, value) => {
    const body = new UndecodedValue(value, 'binary', typeOid, expect.any(LimitError));
    expect(decode(typeOid, value, 'deliver')).toHaveProperty('new.body', body);
  });

  it('bits whose text exceeds the length of a string are reported as such', () => {
    const value = Buffer.alloc(4 + 2 ** 27 - 1);
    value.writeInt32BE((2 ** 27 - 1) * 8);
    const error = captureError(() => decode(VARBIT, value, 'error'));
    expect(error).toMatchObject({ code: 'VALUE_DECODE_FAILED', table: 'app.docs', column: 'body' });
    expect(error.message).toContain('exceeds the maximum string length of JavaScript');
  });
});

describe('a text with many elements', () => {
  it.each([
    ['{t,t,t}', ',', 3, false],
    ['{t,t,t,t}', ',', 3, true],
    ['{{t,t},{t,t}}', ',', 3, true],
    ['{a;b;c;d}', ';', 3, true],
    ['{a;b;c;d}', ',', 3, false],
    ['{}', ',', 1, false],
  ])('%s, with the delimiter %s and a limit of %d: too many is %p', (text, separator, most, isTooMany) => {
    const check = (): void => checkElements(text, separator, most);
    if (isTooMany) expect(check).toThrow(LimitError);
    else expect(check).not.toThrow();
  });
});
