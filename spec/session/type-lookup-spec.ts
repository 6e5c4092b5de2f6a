import { ProtocolError } from '../../lib/errors';
import { lookUpPublishedTypes, lookUpTypes } from '../../lib/session/type-lookup';
import { converse, refusal, rows } from './converse';

const BASE = {
  oid: '20000',
  kind: 'base',
  base: '0',
  element: '0',
  delimiter: null,
  subtype: null,
  range: null,
  names: '{}',
  types: '{}',
};

type Row = Partial<Record<keyof typeof BASE, string | null>>;

/** What comes of an answer. */
function lookUp(...answer: Row[]) {
  return converse(lookUpTypes([20000]), () => rows(...answer.map((row) => ({ ...BASE, ...row }))));
}

describe('a look-up of types', () => {
  it('gives what each is made of', () => {
    const { value } = lookUp(
      { oid: '20000' },
      { oid: '20001', kind: 'enum' },
      { oid: '20002', kind: 'domain', base: '23' },
      { oid: '20003', kind: 'array', element: '20001', delimiter: ';' },
      { oid: '20004', kind: 'range', subtype: '1700' },
      { oid: '20005', kind: 'multirange', range: '20004' },
      { oid: '20006', kind: 'composite', names: '{a,"b c",__proto__,"NULL"}', types: '{23,20001,4294967295,25}' },
      { oid: '4294967295', kind: 'composite' },
    );
    expect([...(value ?? [])]).toEqual([
      [20000, { kind: 'base' }],
      [20001, { kind: 'enum' }],
      [20002, { kind: 'domain', base: 23 }],
      [20003, { kind: 'array', element: 20001, delimiter: ';' }],
      [20004, { kind: 'range', subtype: 1700 }],
      [20005, { kind: 'multirange', range: 20004 }],
      [
        20006,
        {
          kind: 'composite',
          attributes: [
            { name: 'a', typeOid: 23 },
            { name: 'b c', typeOid: 20001 },
            { name: '__proto__', typeOid: 4294967295 },
            { name: 'NULL', typeOid: 25 },
          ],
        },
      ],
      [4294967295, { kind: 'composite', attributes: [] }],
    ]);
  });

  it('is one query for all that are not built in, and none where there are no such types', () => {
    const { sql } = converse(lookUpTypes([23, 20000, 9_999, 10_000]), () => rows());
    expect(sql).toEqual([expect.stringContaining("'{20000,10000}'::oid[]")]);
    for (const none of [[], [23, 9_999]]) {
      expect(converse(lookUpTypes(none), () => [])).toMatchObject({ sql: [], value: new Map(), error: undefined });
    }
  });

  it('comes in pages, as there may be many', () => {
    const types = Array.from({ length: 4_500 }, (_, i) => ({ ...BASE, oid: String(20_000 + i) }));
    const pages = [types.slice(0, 2_000), types.slice(2_000, 4_000), types.slice(4_000)];
    const { value, sql } = converse(lookUpTypes([20000]), () => rows(...(pages.shift() ?? [])));
    expect([...(value?.keys() ?? [])]).toEqual(types.map(({ oid }) => Number(oid)));
    const starts = [0, 21_999, 23_999].map((last) => expect.stringContaining(`WHERE t.oid > '${last}'::oid`));
    expect(sql).toEqual(starts);
  });

  it('does not go on for ever', () => {
    let next = 20_000;
    const endless = () => rows(...Array.from({ length: 2_000 }, () => ({ ...BASE, oid: String(next++) })));
    const { error } = converse(lookUpTypes([20000]), endless);
    expect(error).toMatchObject({ code: 'LIMIT_EXCEEDED', message: expect.stringContaining('more than 200000 types') });
  });

  it('of publications quotes their names, and asks nothing for none', () => {
    const { sql } = converse(lookUpPublishedTypes(["it's", 'b\\'], 180_000), () => rows());
    expect(sql).toEqual([expect.stringContaining(`pubname IN ('it''s', E'b\\\\')`)]);
    expect(converse(lookUpPublishedTypes([], 180_000), () => [])).toMatchObject({ sql: [], value: new Map() });
  });

  it('that is refused fails', () => {
    const { error } = converse(lookUpTypes([20000]), () => refusal({ sqlState: '42501' }));
    expect(error).toMatchObject({ code: 'PRIVILEGE_MISSING' });
  });

  it.each<[string, Row]>([
    ['no oid', { oid: null }],
    ['"x" as oid', { oid: 'x' }],
    ['"-1" as oid', { oid: '-1' }],
    ['type 0 after 0', { oid: '0' }],
    ['no kind', { kind: null }],
    ['"pseudo" as the kind of a type', { kind: 'pseudo' }],
    ['"toString" as the kind of a type', { kind: 'toString' }],
    ['no base', { kind: 'domain', base: null }],
    ['no delimiter', { kind: 'array' }],
    ['"" as element', { kind: 'array', delimiter: ',', element: '' }],
    ['no subtype', { kind: 'range' }],
    ['no range', { kind: 'multirange' }],
    ['no list as names', { kind: 'composite', names: '{a' }],
    ['no list as types', { kind: 'composite', types: null }],
    ['1 names for 2 attributes', { kind: 'composite', names: '{a}', types: '{23,23}' }],
    ['"a" as type', { kind: 'composite', names: '{a}', types: '{a}' }],
  ])('is an error where the server makes no sense: %s', (expected, row) => {
    const { error } = lookUp(row);
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error).toHaveProperty('message', expect.stringContaining(`The server sent ${expected}`));
  });
});
