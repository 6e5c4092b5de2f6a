import { ConnectionError } from '../../lib/common/errors';
import { toJsonMembers, toJsonValue, addToJson } from '../../lib/common/json';

const parsed = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('withJson', () => {
  it('shows LSNs as X/Y, and other bigints as text', () => {
    expect(
      JSON.stringify(addToJson({ lsn: 0x1_0000_0010n, none: undefined, lagBytes: 16n, count: 1 }, 'lagBytes')),
    ).toBe('{"lsn":"1/10","lagBytes":"16","count":1}');
  });

  it('does not change the object', () => {
    const status = { confirmedLsn: 1n };
    const given = addToJson(status);
    expect(given).toBe(status);
    expect(given).toStrictEqual({ confirmedLsn: 1n });
    expect(Object.keys(given)).toEqual(['confirmedLsn']);
    expect({ ...given }).not.toHaveProperty('toJSON');
  });

  it('uses toJSON of nested objects', () => {
    const slot = addToJson({ restartLsn: 1n, lagBytes: 16n }, 'lagBytes');
    expect(parsed(addToJson({ slot, at: new Date(0) }))).toEqual({
      slot: { restartLsn: '0/1', lagBytes: '16' },
      at: '1970-01-01T00:00:00.000Z',
    });
  });

  it("shows an error's message, and none of its properties", () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const error = new ConnectionError('CONNECTION_LOST', 'It was cut', { cause: circular });
    const { message } = error;
    expect(parsed(addToJson({ error }))).toEqual({
      error: { name: 'ConnectionError', message, code: 'CONNECTION_LOST', retryable: true },
    });
    const foreign = Object.assign(new TypeError('odd'), { circular });
    expect(parsed(addToJson({ error: foreign }))).toEqual({ error: { name: 'TypeError', message: 'odd' } });
  });
});

describe('jsonValue', () => {
  it.each<[value: unknown, form: unknown]>([
    [NaN, 'NaN'],
    [Infinity, 'Infinity'],
    [-Infinity, '-Infinity'],
    [-0, '-0'],
    [0, 0],
    [1.5, 1.5],
    [2n ** 64n, '18446744073709551616'],
    [new Date(NaN), 'Invalid Date'],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
    [null, null],
    ['NaN', 'NaN'],
    [true, true],
    [Buffer.of(1, 2), { type: 'Buffer', data: [1, 2] }],
    [
      new Map<unknown, unknown>([
        ['a', NaN],
        [1, new Map([['b', 1n]])],
      ]),
      { a: 'NaN', 1: { b: '1' } },
    ],
    [new Set([1n, NaN]), ['1', 'NaN']],
    [Float32Array.of(1.5, NaN), [1.5, 'NaN']],
    [BigInt64Array.of(1n), ['1']],
    [
      [NaN, [-0, null], { x: Infinity }],
      ['NaN', ['-0', null], { x: 'Infinity' }],
    ],
  ])('converts %p to a JSON value', (value, form) => {
    expect(parsed(toJsonValue(value))).toStrictEqual(form);
    expect(parsed(addToJson({ value }, 'value'))).toStrictEqual({ value: form });
  });
});

describe('jsonMembers', () => {
  it('formats a bigint as an LSN only as a direct member', () => {
    expect(toJsonMembers({ lsn: 255n, row: { id: 255n, list: [255n] } })).toEqual({
      lsn: '0/FF',
      row: { id: '255', list: ['255'] },
    });
  });
});
