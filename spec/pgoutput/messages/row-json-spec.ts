import { InMemoryChangeList } from '../../../lib/operators/transactions/change-list';
import { Transaction } from '../../../lib/operators/transactions/transaction';
import { BUILT_IN_TYPES } from '../../../lib/pgoutput/types/built-in-types';
import { PgoutputDecoder } from '../../../lib/pgoutput/decode/decoder';
import { exactTypes } from '../../../lib/pgoutput/values/exact-types';
import { TypeCatalog } from '../../../lib/pgoutput/types/type-catalog';
import type { TypeDefinition } from '../../../lib/pgoutput/types/type-definitions';
import { defaultTypes, type TypeParsers } from '../../../lib/pgoutput/values/values';
import {
  buildBegin,
  buildDelete,
  buildInsert,
  buildRelation,
  buildType,
  buildUpdate,
} from '../../../lib/testing/payloads';
import { decodeAll, decodeLast } from '../support/decode';

const oid = (name: string): number => BUILT_IN_TYPES.get(name)!;

function tableOf(...types: readonly number[]): Buffer {
  return buildRelation({ columns: types.map((typeOid, i) => ({ name: `c${i}`, typeOid, key: i === 0 })) });
}

function parsed(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** The JSON form of a value in a row. */
function formOf(typeName: string, text: string, types: TypeParsers = defaultTypes): unknown {
  const message = decodeLast('insert', [buildBegin(), tableOf(oid(typeName)), buildInsert([text])], types);
  return (parsed(message) as { new: { c0: unknown } }).new.c0;
}

describe('the JSON form of a value', () => {
  // As in PostgreSQL's to_json, except for -0, and for types that pg's parsers convert to objects.
  it.each<[type: string, text: string, form: unknown]>([
    ['float4', 'NaN', 'NaN'],
    ['float8', 'Infinity', 'Infinity'],
    ['float8', '-Infinity', '-Infinity'],
    ['float8', '-0', '-0'],
    ['float8', '0', 0],
    ['numeric', 'NaN', 'NaN'],
    ['numeric', '-Infinity', '-Infinity'],
    ['date', 'infinity', 'infinity'],
    ['timestamp', '-infinity', '-infinity'],
    ['timestamptz', 'infinity', 'infinity'],
    ['_float8', '{NaN,-0}', ['NaN', '-0']],
    [
      '_float4',
      '{{Infinity,1},{-Infinity,NULL}}',
      [
        ['Infinity', 1],
        ['-Infinity', null],
      ],
    ],
    ['_timestamptz', '{infinity,NULL,-infinity}', ['infinity', null, '-infinity']],
    ['_timestamp', '{{infinity},{-infinity}}', [['infinity'], ['-infinity']]],
    ['_date', '{infinity}', ['infinity']],
    ['tstzrange', '[-infinity,infinity)', '[-infinity,infinity)'],
    ['point', '(NaN,-0)', { x: 'NaN', y: '-0' }],
    ['circle', '<(Infinity,0),1>', { x: 'Infinity', y: 0, radius: 1 }],
    ['json', '{"a": -0, "b": [1e400]}', { a: 0, b: ['Infinity'] }],
    ['json', '-0', 0],
  ])('of type %s, %s, is not null', (type, text, form) => {
    expect(formOf(type, text)).toStrictEqual(form);
  });

  it.each<[type: string, text: string, form: unknown]>([
    ['float8', 'NaN', 'NaN'],
    ['float8', '-0', '-0'],
    ['_float4', '{-Infinity}', ['-Infinity']],
    ['timestamptz', 'infinity', 'infinity'],
    ['_date', '{-infinity}', ['-infinity']],
    ['_int8', '{9223372036854775807}', ['9223372036854775807']],
    ['json', '{"a": -0, "b": 1e400, "c": 9007199254740993}', { a: 0, b: '1e400', c: '9007199254740993' }],
  ])('is not null with exact types: %s, %s', (type, text, form) => {
    expect(formOf(type, text, exactTypes)).toStrictEqual(form);
  });

  it.each<[value: unknown, form: unknown]>([
    [NaN, 'NaN'],
    [Infinity, 'infinity'],
    [-0, '-0'],
    [new Date(NaN), 'Invalid Date'],
    [new Map([['a', NaN]]), { a: 'NaN' }],
    [{ at: Infinity }, { at: 'infinity' }],
    [7n, '7'],
  ])('is not null if a custom parser returns %p for a timestamp', (value, form) => {
    expect(formOf('timestamp', 'x', { getTypeParser: () => () => value })).toStrictEqual(form);
  });

  it('is the same in each row of a change, and in a transaction', () => {
    const messages = decodeAll([
      buildBegin(),
      tableOf(oid('float8'), oid('date')),
      buildUpdate(['NaN', 'infinity'], { key: ['-0', null] }),
      buildDelete({ old: ['Infinity', '-infinity'] }),
    ]);
    const changes = messages.flatMap((message) =>
      message.kind === 'update' || message.kind === 'delete' ? [message] : [],
    );
    const forms = [
      { new: { c0: 'NaN', c1: 'infinity' }, key: { c0: '-0' } },
      { old: { c0: 'Infinity', c1: '-infinity' } },
    ];
    expect(parsed(changes)).toMatchObject(forms);
    const tx = new Transaction(1, 1n, 2n, new Date(0), undefined, new InMemoryChangeList(changes));
    expect(parsed(tx)).toMatchObject({ changes: forms });
  });

  it('depends on the definition of its type', () => {
    const [DOMAIN, ARRAY, COMPOSITE, NESTED, NAMED] = [20001, 20002, 20003, 20004, 20005];
    const attributes = [
      { name: 'f', typeOid: oid('float8') },
      { name: 'at', typeOid: DOMAIN },
      { name: 'list', typeOid: oid('_date') },
    ];
    const definitions = new Map<number, TypeDefinition>([
      [DOMAIN, { kind: 'domain', base: oid('timestamptz') }],
      [ARRAY, { kind: 'array', element: DOMAIN, delimiter: ',' }],
      [COMPOSITE, { kind: 'composite', attributes }],
      [NESTED, { kind: 'array', element: COMPOSITE, delimiter: ',' }],
    ]);
    const catalog = new TypeCatalog();
    catalog.learn([], definitions);
    const decoder = new PgoutputDecoder(defaultTypes, { catalog, composites: true });
    const composite = '(-Infinity,infinity,"{infinity}")';
    const row = ['infinity', '{infinity,-infinity}', composite, `{"${composite.replaceAll('"', '\\"')}"}`, '-infinity'];
    const payloads = [
      buildBegin(),
      buildType(NAMED, 'date', ''),
      tableOf(DOMAIN, ARRAY, COMPOSITE, NESTED, NAMED),
      buildInsert(row),
    ];
    const message = payloads.map((payload) => decoder.decode(payload, 0, payload.length)).at(-1);
    const object = { f: '-Infinity', at: 'infinity', list: ['infinity'] };
    expect(parsed(message)).toMatchObject({
      new: { c0: 'infinity', c1: ['infinity', '-infinity'], c2: object, c3: [object], c4: '-infinity' },
    });
  });

  it('does not require a definition of a type without values', () => {
    const catalog = new TypeCatalog();
    const decoder = new PgoutputDecoder(defaultTypes, { catalog });
    const decode = (payload: Buffer) => decoder.decode(payload, 0, payload.length);
    const [, , first] = [buildBegin(), tableOf(20001), buildInsert([null])].map(decode);
    expect(parsed(first)).toMatchObject({ new: { c0: null } });
    catalog.learn([20001], new Map([[20001, { kind: 'array', element: oid('float8'), delimiter: ',' }]]));
    expect(decode(buildInsert(['{1}']))).toMatchObject({ new: { c0: [1] } });
  });
});
