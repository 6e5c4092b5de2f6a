import { InsertMessage } from '../../lib/pgoutput/messages';
import { decodeAll, decodeLast } from './decode';
import { begin, insert, relation, type Tuple, type, UNCHANGED, update } from '../../lib/testing/payloads';

describe('a table described anew', () => {
  it('leaves the relation of emitted changes as it was', () => {
    const [, first, before, second, after] = decodeAll([
      begin(),
      relation({ name: 'users', columns: ['a'] }),
      insert(['1']),
      relation({ name: 'people', columns: ['b', { name: 'c', typeOid: 23 }] }),
      insert(['1', '2']),
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
  const described = [begin(), relation({ columns: names.map((name) => ({ name, key: true, typeOid: 3802 })) })];
  const texts = names.map((name) => JSON.stringify({ name }));
  const json = `{${names.map((name, i) => `"${name}":${texts[i]}`).join()}}`;

  it('are own properties of every row, and the prototype stays', () => {
    const { new: row, old } = decodeLast('update', [...described, update(texts, { old: texts })]);
    const { key } = decodeLast('update', [...described, update(texts, { key: texts })]);
    for (const each of [row, old, key]) {
      expect(Object.getPrototypeOf(each)).toBe(Object.prototype);
      expect(Object.keys(each ?? {})).toEqual(names);
      expect(JSON.stringify(each)).toBe(json);
    }
    expect(row['__proto__']).toEqual({ name: '__proto__' });
  });

  it('can be written to, as those of any other name', () => {
    const { new: row } = decodeLast('insert', [...described, insert(texts)]);
    row['__proto__'] = 'changed';
    expect(Object.entries(row)[0]).toEqual(['__proto__', 'changed']);
  });

  it('are left out when unchanged, and are not taken from the prototype', () => {
    const untouched: Tuple = names.map(() => UNCHANGED);
    const message = decodeLast('update', [...described, update(untouched, { old: untouched })]);
    expect(Object.keys(message.new)).toEqual([]);
    expect(message.unchanged).toEqual(names);
  });

  it('are filled from the old row when unchanged', () => {
    const untouched: Tuple = names.map(() => UNCHANGED);
    const message = decodeLast('update', [...described, update(untouched, { old: texts })]);
    expect(JSON.stringify(message.new)).toBe(json);
    expect(message.unchanged).toEqual([]);
  });

  it('stand in the JSON of the message', () => {
    const message = decodeLast('insert', [...described, insert(texts)]);
    expect(JSON.stringify(message)).toContain(`"new":${json}`);
  });
});

describe('a column of a domain', () => {
  const table = relation({ columns: [{ name: 'a', typeOid: 16400 }] });

  it.each([
    ['int4', '5', 5],
    ['_int4', '{1,2}', [1, 2]],
    ['timestamptz', '2024-05-06 07:08:09+00', new Date('2024-05-06T07:08:09Z')],
  ])('is read as its base type %s', (name, text, value) => {
    const payloads = [type(16400, name, ''), begin(), table, insert([text])];
    expect(decodeLast('insert', payloads).new).toEqual({ a: value });
  });

  it('stays text where the base type is not built in, though it has the name of one that is', () => {
    expect(decodeLast('insert', [type(16400, 'int4', 'mine'), begin(), table, insert(['5'])]).new).toEqual({ a: '5' });
  });

  it('is read anew once its OID stands for another type', () => {
    const payloads = [type(16400, 'int4', ''), type(16400, 'mood'), begin(), table, insert(['5'])];
    expect(decodeLast('insert', payloads).new).toEqual({ a: '5' });
  });
});
