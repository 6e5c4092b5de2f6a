import { InsertMessage } from '../../../lib/pgoutput/messages/change-messages';
import { decodeAll, decodeLast } from '../support/decode';
import {
  buildBegin,
  buildInsert,
  buildRelation,
  type Tuple,
  buildType,
  UNCHANGED,
  buildUpdate,
} from '../../../lib/testing/payloads';

describe('a table that is described again', () => {
  it('does not change the relation of emitted changes', () => {
    const [, first, before, second, after] = decodeAll([
      buildBegin(),
      buildRelation({ name: 'users', columns: ['a'] }),
      buildInsert(['1']),
      buildRelation({ name: 'people', columns: ['b', { name: 'c', typeOid: 23 }] }),
      buildInsert(['1', '2']),
    ]);
    if (!(before instanceof InsertMessage && after instanceof InsertMessage)) throw new Error('Expected two inserts');
    expect(before.relation).toBe(first);
    expect(before).toMatchObject({ table: 'users', new: { a: '1' } });
    expect(before.relation.columns.map(({ name }) => name)).toEqual(['a']);
    expect(after.relation).toBe(second);
    expect(after).toMatchObject({ table: 'people', new: { b: '1', c: 2 } });
  });
});

describe('columns named like members of Object.prototype', () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'toJSON', 'kind'];
  const described = [
    buildBegin(),
    buildRelation({ columns: names.map((name) => ({ name, key: true, typeOid: 3802 })) }),
  ];
  const texts = names.map((name) => JSON.stringify({ name }));
  const json = `{${names.map((name, i) => `"${name}":${texts[i]}`).join()}}`;

  it('are own properties of every row, and the prototype is unchanged', () => {
    const { new: row, old } = decodeLast('update', [...described, buildUpdate(texts, { old: texts })]);
    const { key } = decodeLast('update', [...described, buildUpdate(texts, { key: texts })]);
    for (const each of [row, old, key]) {
      expect(Object.getPrototypeOf(each)).toBe(Object.prototype);
      expect(Object.keys(each ?? {})).toEqual(names);
      expect(JSON.stringify(each)).toBe(json);
    }
    expect(row['__proto__']).toEqual({ name: '__proto__' });
  });

  it('can be assigned, like those of any other name', () => {
    const { new: row } = decodeLast('insert', [...described, buildInsert(texts)]);
    row['__proto__'] = 'changed';
    expect(Object.entries(row)[0]).toEqual(['__proto__', 'changed']);
  });

  it('are omitted when unchanged, and are not read from the prototype', () => {
    const untouched: Tuple = names.map(() => UNCHANGED);
    const message = decodeLast('update', [...described, buildUpdate(untouched, { old: untouched })]);
    expect(Object.keys(message.new)).toEqual([]);
    expect(message.unchanged).toEqual(names);
  });

  it('are filled from the old row when unchanged', () => {
    const untouched: Tuple = names.map(() => UNCHANGED);
    const message = decodeLast('update', [...described, buildUpdate(untouched, { old: texts })]);
    expect(JSON.stringify(message.new)).toBe(json);
    expect(message.unchanged).toEqual([]);
  });

  it('are in the JSON form of the message', () => {
    const message = decodeLast('insert', [...described, buildInsert(texts)]);
    expect(JSON.stringify(message)).toContain(`"new":${json}`);
  });
});

describe('a row', () => {
  const named = (count: number, prefix = 'c'): string[] => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

  it.each([1, 5, 20, 100])('of %i columns is a plain object', (count) => {
    const columns = named(count).map((name) => ({ name, key: true, typeOid: 23 }));
    const texts = columns.map((_, i) => String(i));
    const described = [buildBegin(), buildRelation({ columns })];
    const literal = Object.fromEntries(columns.map(({ name }, i) => [name, i]));
    const { new: row, old } = decodeLast('update', [...described, buildUpdate(texts, { old: texts })]);
    const { key } = decodeLast('update', [...described, buildUpdate(texts, { key: texts })]);
    for (const each of [row, old, key]) {
      expect(Object.getPrototypeOf(each)).toBe(Object.prototype);
      expect(each).toStrictEqual(literal);
      expect(Object.entries(each ?? {})).toEqual(Object.entries(literal));
      expect(structuredClone(each)).toEqual(literal);
      expect({ ...each }).toStrictEqual(literal);
      expect(each).toHaveProperty('constructor', Object);
      expect(each instanceof Object).toBe(true);
    }
  });

  it('with columns named like integers has them first, like every object', () => {
    const columns = ['b', '1', '0', 'a', '4294967296', '__proto__'];
    const { new: row } = decodeLast('insert', [buildBegin(), buildRelation({ columns }), buildInsert(columns)]);
    expect(Object.keys(row)).toEqual(['0', '1', 'b', 'a', '4294967296', '__proto__']);
    expect(Object.values(row)).toEqual(Object.keys(row));
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
  });

  it('has no values of earlier rows, or of another table', () => {
    const messages = decodeAll([
      buildBegin(),
      buildRelation({ oid: 1, name: 'a', columns: named(20, 'a') }),
      buildRelation({ oid: 2, name: 'b', columns: ['a1', 'b', '__proto__'] }),
      ...[0, 1, 2].flatMap((turn) => [
        buildInsert(named(20, `${turn}:`), 1),
        buildInsert([String(turn), turn === 1 ? UNCHANGED : null, 'p'], 2),
      ]),
    ]);
    const rows = messages.flatMap((message) => (message instanceof InsertMessage ? [message.new] : []));
    expect(rows.map((row) => Object.entries(row))).toEqual(
      [0, 1, 2].flatMap((turn) => [
        named(20, 'a').map((name, i) => [name, `${turn}:${i}`]),
        [['a1', String(turn)], ...(turn === 1 ? [] : [['b', null]]), ['__proto__', 'p']],
      ]),
    );
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it('can be modified without affecting others', () => {
    const columns = ['a', '__proto__'];
    const [, , first, second] = decodeAll([
      buildBegin(),
      buildRelation({ columns }),
      buildInsert(columns),
      buildInsert(columns),
    ]);
    if (!(first instanceof InsertMessage && second instanceof InsertMessage)) throw new Error('Expected two inserts');
    first.new['added'] = 1;
    delete first.new['a'];
    expect(Object.entries(second.new)).toEqual([
      ['a', 'a'],
      ['__proto__', '__proto__'],
    ]);
    expect({}).not.toHaveProperty('added');
  });
});

describe('a column of a domain', () => {
  const table = buildRelation({ columns: [{ name: 'a', typeOid: 16400 }] });

  it.each([
    ['int4', '5', 5],
    ['_int4', '{1,2}', [1, 2]],
    ['timestamptz', '2024-05-06 07:08:09+00', new Date('2024-05-06T07:08:09Z')],
  ])('is decoded as its base type %s', (name, text, value) => {
    const payloads = [buildType(16400, name, ''), buildBegin(), table, buildInsert([text])];
    expect(decodeLast('insert', payloads).new).toEqual({ a: value });
  });

  it('stays text if the base type is not built in, even if it has the name of a built-in type', () => {
    expect(
      decodeLast('insert', [buildType(16400, 'int4', 'mine'), buildBegin(), table, buildInsert(['5'])]).new,
    ).toEqual({ a: '5' });
  });

  it('is decoded differently once its OID is assigned to another type', () => {
    const payloads = [buildType(16400, 'int4', ''), buildType(16400, 'mood'), buildBegin(), table, buildInsert(['5'])];
    expect(decodeLast('insert', payloads).new).toEqual({ a: '5' });
  });
});
