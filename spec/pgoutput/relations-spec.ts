import { InsertMessage } from '../../lib/pgoutput/messages';
import { decodeAll, decodeLast } from './decode';
import { begin, insert, relation, type Tuple, UNCHANGED, update } from './payloads';

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
