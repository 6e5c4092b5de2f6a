import { ProtocolError } from '../../lib/common/errors';
import { lookUpPublishedTypes, lookUpTypes } from '../../lib/commands/type-lookup';
import { runRoutine, buildError, rows, type ClientCommands } from './support/converse';

const BASE = {
  total: '1',
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

/** The result of a response. */
function lookUp(...answer: Row[]) {
  const asked = answer.map(({ oid }) => Number(oid)).filter((oid) => oid >= 20_000);
  const answers = [answer.map((row) => ({ ...BASE, total: String(answer.length), ...row }))];
  return runRoutine(lookUpTypes([20000, ...asked]), () => rows(...(answers.shift() ?? [])));
}

/** The OIDs or publications that a query is about. */
function askedIn(sql: string): string[] {
  return /'\{([\d,]*)\}'::oid\[\]/.exec(sql)?.[1]?.split(',') ?? [];
}

/** A server with the rows of these types, and the maximum number of attributes in a response. */
function serverWith(types: ReadonlyMap<string, Row>, attributes = Infinity) {
  return (said: ClientCommands) => {
    const known = askedIn(said.kind === 'query' ? said.sql : '').filter((oid) => types.has(oid));
    let size = 0;
    const fitting = known.filter((oid, i) => {
      size += types.get(oid)?.names?.split(',').length ?? 0;
      return i === 0 || size <= attributes;
    });
    return rows(...fitting.map((oid) => ({ ...BASE, total: String(known.length), oid, ...types.get(oid) })));
  };
}

/** This number of type OIDs, from 20000 on. */
function oids(count: number): number[] {
  return Array.from({ length: count }, (_, i) => 20_000 + i);
}

describe('a type lookup', () => {
  it('returns the structure of each type', () => {
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

  it('is one query for all types that are not built in, and none if there are no such types', () => {
    const { sql } = runRoutine(lookUpTypes([23, 20000, 9_999, 10_000, 20000]), () => rows());
    expect(sql.map(askedIn)).toEqual([['10000', '20000']]);
    for (const none of [[], [23, 9_999]]) {
      expect(runRoutine(lookUpTypes(none), () => [])).toMatchObject({ sql: [], value: new Map(), error: undefined });
    }
  });

  it('continues with the types of elements and attributes, and requests nothing twice', () => {
    const types = new Map<string, Row>([
      ['20000', { kind: 'array', element: '20001', delimiter: ',' }],
      ['20001', { kind: 'composite', names: '{a,b,c}', types: '{20002,20000,23}' }],
      ['20002', { kind: 'domain', base: '20003' }],
      ['20003', { kind: 'domain', base: '20001' }],
    ]);
    const { value, sql, error } = runRoutine(lookUpTypes([20000]), serverWith(types));
    expect([error, [...(value?.keys() ?? [])]]).toEqual([undefined, [20000, 20001, 20002, 20003]]);
    expect(sql.map(askedIn)).toEqual([['20000'], ['20001'], ['20002'], ['20003']]);
  });

  it.each([1_000, 10_000, 40_000])('of %i types requests each of them once', (count) => {
    const asked = oids(count);
    const types = new Map(asked.map((oid) => [String(oid), {}]));
    const { value, sql } = runRoutine(lookUpTypes(asked), serverWith(types));
    expect(value?.size).toBe(count);
    expect(sql.reduce((sum, text) => sum + askedIn(text).length, 0)).toBe(count);
    expect(sql).toHaveLength(Math.ceil(count / 5_000));
  });

  it('continues after a response that the query has limited because of too many attributes', () => {
    const asked = oids(5);
    const wide: Row = { kind: 'composite', names: '{a,b,c}', types: '{23,23,23}' };
    const types = new Map(asked.slice(0, 4).map((oid) => [String(oid), wide]));
    const { value, sql } = runRoutine(lookUpTypes(asked), serverWith(types, 6));
    expect([...(value?.keys() ?? [])]).toEqual(asked.slice(0, 4));
    expect(sql.map((text) => askedIn(text).length)).toEqual([5, 3]);
  });

  it('restarts connectTimeout with each full portion, and with nothing else', () => {
    const asked = oids(12_000);
    const types = new Map(asked.map((oid) => [String(oid), {}]));
    const { restarting } = runRoutine(lookUpTypes(asked), serverWith(types));
    expect(restarting.map((text) => askedIn(text).length)).toEqual([5_000, 5_000]);
  });

  it('is limited to 200,000 types; others are looked up when they occur in the stream', () => {
    const asked = oids(200_100);
    const types = new Map(asked.map((oid) => [String(oid), {}]));
    const { value, error } = runRoutine(lookUpTypes(asked), serverWith(types));
    expect([value?.size, error]).toEqual([200_000, undefined]);
  });

  it('does not restart connectTimeout for a server that invents types', () => {
    let next = 20_000;
    const inventive = () => {
      const [oid, base] = [String(next), String(++next)];
      return next > 30_000 ? buildError({}) : rows({ ...BASE, oid, kind: 'domain', base });
    };
    const { sql, restarting } = runRoutine(lookUpTypes([20000]), inventive);
    expect([sql.length, restarting]).toEqual([10_001, []]);
  });

  it('of publications quotes their names, and sends no query for none', () => {
    const { sql } = runRoutine(lookUpPublishedTypes(["it's", 'b\\'], 180_000), () => rows());
    expect(sql).toEqual([expect.stringContaining(`pubname IN ('it''s', E'b\\\\')`)]);
    expect(runRoutine(lookUpPublishedTypes([], 180_000), () => [])).toMatchObject({ sql: [], value: new Map() });
  });

  it('that is refused throws', () => {
    const { error } = runRoutine(lookUpTypes([20000]), () => buildError({ sqlState: '42501' }));
    expect(error).toMatchObject({ code: 'PRIVILEGE_MISSING' });
  });

  it.each<[string, Row]>([
    ['no oid', { oid: null }],
    ['"x" as oid', { oid: 'x' }],
    ['"-1" as oid', { oid: '-1' }],
    ['type 0, which was not asked for', { oid: '0' }],
    ['type 19999, which was not asked for', { oid: '19999' }],
    ['no total', { total: null }],
    ['no kind', { kind: null }],
    ['"pseudo" as the kind of a type', { kind: 'pseudo' }],
    ['"toString" as the kind of a type', { kind: 'toString' }],
    ['no base', { kind: 'domain', base: null }],
    ['no delimiter', { kind: 'array' }],
    ['"" as element', { kind: 'array', delimiter: ',', element: '' }],
    ['no subtype', { kind: 'range' }],
    ['no range', { kind: 'multirange' }],
    ['a value of names that is not a list', { kind: 'composite', names: '{a' }],
    ['a value of types that is not a list', { kind: 'composite', types: null }],
    ['1 names for 2 attributes', { kind: 'composite', names: '{a}', types: '{23,23}' }],
    ['"a" as type', { kind: 'composite', names: '{a}', types: '{a}' }],
  ])("throws if the server's response is invalid: %s", (expected, row) => {
    const { error } = lookUp(row);
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error).toHaveProperty('message', expect.stringContaining(`The server sent ${expected}`));
  });
});
