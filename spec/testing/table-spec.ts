import {
  isAcknowledged,
  logicalMessage,
  toMessages,
  table,
  transaction,
  toTransaction,
  UNCHANGED,
  type ChangeDraft,
} from '../../lib/testing';
import type { Change } from '../../lib';

const orders = table('orders', { id: 'int4', shop: 'int4', note: 'text' }, { key: ['id', 'shop'] });
const full = table('full', { id: 'int4', note: 'text' }, { schema: 'audit', identity: 'full' });

/** The message that a client decodes. */
function decoded<K extends Change['kind']>(draft: ChangeDraft, kind: K): Extract<Change, { kind: K }> {
  const [change] = toTransaction(transaction([draft])).changes;
  if (change?.kind !== kind) throw new Error(`expected ${kind}, got ${change?.kind}`);
  return change as Extract<Change, { kind: K }>;
}

describe('a table', () => {
  it('has a Relation message', () => {
    const { relation } = decoded(orders.insert({ id: 1 }), 'insert');
    expect(relation).toMatchObject({
      schema: 'public',
      name: 'orders',
      table: 'orders',
      oid: orders.oid,
      replicaIdentity: 'default',
      columns: [
        { name: 'id', key: true, typeOid: 23, typeModifier: -1 },
        { name: 'shop', key: true, typeOid: 23 },
        { name: 'note', key: false, typeOid: 25 },
      ],
    });
  });

  it('has the first column as its key, and is in public, by default', () => {
    const { relation } = decoded(table('t', { a: 'text', b: 'text' }).insert({}), 'insert');
    expect(relation.columns.map(({ key }) => key)).toEqual([true, false]);
    expect(decoded(full.insert({}), 'insert').table).toBe('audit.full');
  });

  it('is named as in messages, or by schema and name', () => {
    const at = (name: string, schema?: string) => {
      const made = table(name, { id: 'int4' }, schema === undefined ? {} : { schema });
      const { schema: of, table: as, relation } = decoded(made.insert({ id: 1 }), 'insert');
      return { schema: of, name: relation.name, table: as };
    };
    expect(at('billing.invoices')).toEqual({ schema: 'billing', name: 'invoices', table: 'billing.invoices' });
    expect(at('"a.b"')).toEqual({ schema: 'public', name: 'a.b', table: '"a.b"' });
    expect(at('a.b', 'public')).toEqual({ schema: 'public', name: 'a.b', table: '"a.b"' });
    expect(at('b', 'a')).toEqual({ schema: 'a', name: 'b', table: 'a.b' });
    expect(() => at('a.b.c')).toThrow(`in double quotes, as in '"a.b"'`);
    const [first, second] = [
      table('c', { id: 'int4' }, { schema: 'a.b' }),
      table('b.c', { id: 'int4' }, { schema: 'a' }),
    ];
    expect(first.oid).not.toBe(second.oid);
  });

  it('has the same OID in every run, which differs from that of other tables', () => {
    expect(table('orders', { id: 'int4' }).oid).toBe(orders.oid);
    expect(orders.oid).toBe(25528675);
    expect(table('orders', { id: 'int4' }, { schema: 'audit' }).oid).not.toBe(orders.oid);
    expect(table('orders', { id: 'int4' }, { oid: 77 }).oid).toBe(77);
  });

  it('is described once in a transaction, before its first change', () => {
    const kinds = toMessages(transaction([orders.insert({ id: 1 }), full.insert({}), orders.insert({ id: 2 })]));
    expect(kinds.map(({ kind }) => kind)).toEqual([
      'begin',
      'relation',
      'insert',
      'relation',
      'insert',
      'insert',
      'commit',
    ]);
  });
});

describe('its changes', () => {
  it('insert: a missing column is null', () => {
    expect(decoded(orders.insert({ id: 1, note: undefined }), 'insert').new).toEqual({ id: 1, shop: null, note: null });
  });

  it('insert: as a row filter makes it from an UPDATE', () => {
    const insert = decoded(orders.insert({ id: 1, shop: 2, note: UNCHANGED }), 'insert');
    expect(insert.new).toStrictEqual({ id: 1, shop: 2 });
    expect(insert.unchanged).toStrictEqual(['note']);
  });

  it('insert: numbers that JSON does not support are printed as by the server', () => {
    const types = { n: 'float8', z: 'float8', at: 'timestamptz', day: 'date', list: 'timestamp[]' };
    const row = { n: NaN, z: -0, at: Infinity, day: -Infinity, list: [Infinity] };
    expect(decoded(table('t', types).insert(row), 'insert').new).toStrictEqual(row);
  });

  it('update: the new row, and the key if it has changed', () => {
    const update = decoded(orders.update({ id: 1, shop: 2, note: UNCHANGED }), 'update');
    expect(update).toMatchObject({ new: { id: 1, shop: 2 }, unchanged: ['note'], key: undefined, old: undefined });
    const moved = decoded(orders.update({ id: 1, shop: 2, note: 'n' }, { id: 0, shop: 2, note: 'o' }), 'update');
    expect(moved).toMatchObject({ new: { id: 1, shop: 2, note: 'n' }, key: { id: 0, shop: 2 }, old: undefined });
  });

  it('update with identity full: always the old row', () => {
    const update = decoded(full.update({ id: 1, note: 'b' }, { id: 1, note: 'a' }), 'update');
    expect(update).toMatchObject({ new: { id: 1, note: 'b' }, old: { id: 1, note: 'a' }, key: undefined });
    expect(() => full.update({ id: 1, note: 'b' })).toThrow('requires the old row');
  });

  it('delete: the key, or the old row', () => {
    expect(decoded(orders.delete({ id: 1, shop: 2 }), 'delete')).toMatchObject({
      key: { id: 1, shop: 2 },
      old: undefined,
    });
    expect(decoded(full.delete({ id: 1 }), 'delete')).toMatchObject({ key: undefined, old: { id: 1, note: null } });
  });

  it('truncate', () => {
    expect(decoded(orders.truncate({ cascade: true }), 'truncate')).toMatchObject({
      tables: ['orders'],
      cascade: true,
      restartIdentity: false,
    });
  });

  it('logicalMessage: a logical message', () => {
    const message = decoded(logicalMessage('prefix', 'content'), 'message');
    expect(message).toMatchObject({ transactional: true, prefix: 'prefix', lsn: 0x1000040n });
    expect(message.content.toString()).toBe('content');
  });

  it.each([
    [
      'a row with an unknown column',
      () => orders.insert({ di: 1 }),
      'Unknown column di in the row; the columns of orders are id, shop, note',
    ],
    ['an update without a column', () => orders.update({ id: 1, shop: 1 }), 'has no value for column note'],
    ['a key that is not a column', () => table('t', { a: 'text' }, { key: ['b'] }), 'Unknown column b in the key'],
    ['an unknown type', () => table('t', { a: 'integer' }), 'Unknown built-in type "integer"'],
    ['a value that cannot be printed', () => orders.insert({ note: { a: 1 } }), 'Cannot print a value of type object'],
  ])('report errors: %s', (_, make, text) => {
    expect(make).toThrow(text);
  });
});

describe('values', () => {
  const date = new Date('2024-05-06T07:08:09.123Z');
  it.each<[string, unknown, unknown]>([
    ['int4', 7, 7],
    ['int8', 9007199254740993n, '9007199254740993'],
    ['numeric', '9.50', '9.50'],
    ['float8', 1.5, 1.5],
    ['bool', true, true],
    ['bool', false, false],
    ['text', '\\n{"', '\\n{"'],
    ['bytea', Buffer.from([0, 255]), Buffer.from([0, 255])],
    ['jsonb', { a: [1, null] }, { a: [1, null] }],
    ['json', [1, 'a'], [1, 'a']],
    ['jsonb', 5, 5],
    ['timestamptz', date, date],
    ['timestamp', date, date],
    ['date', new Date(2024, 4, 6), new Date(2024, 4, 6)],
    ['int4[]', [1, null, 3], [1, null, 3]],
    ['text[]', ['a"b', 'c\\d', 'e,f', ''], ['a"b', 'c\\d', 'e,f', '']],
    [
      'int4[]',
      [
        [1, 2],
        [3, 4],
      ],
      [
        [1, 2],
        [3, 4],
      ],
    ],
    ['text', null, null],
  ])('%s %p is decoded as expected', (type, value, expected) => {
    const change = decoded(table('t', { v: type }).insert({ v: value }), 'insert');
    expect(change.new).toEqual({ v: expected });
  });

  it('of a type without a name are given by its OID, as text', () => {
    const { relation, new: row } = decoded(table('t', { v: 90_000 }).insert({ v: '(1,2)' }), 'insert');
    expect(relation.columns[0]?.typeOid).toBe(90_000);
    expect(row).toEqual({ v: '(1,2)' });
  });
});

describe('a transaction', () => {
  it('has the given properties, and defaults of the server otherwise', () => {
    const commitTime = new Date('2024-05-06T07:08:09.123Z');
    const options = { xid: 5, commitTime, origin: 'elsewhere', commitLsn: 0x500n, endLsn: 0x600n };
    expect(toTransaction(transaction([orders.insert({ id: 1 })], options))).toMatchObject(options);

    const before = Date.now();
    const tx = toTransaction(transaction([orders.insert({ id: 1 }), orders.insert({ id: 2 })]), { startLsn: 0x100n });
    expect(tx).toMatchObject({ commitLsn: 0x180n, endLsn: 0x1b0n, xid: 0x20, origin: undefined, size: 2 });
    expect(tx.commitTime.getTime()).toBeGreaterThanOrEqual(before);
  });

  it('accepts its positions as text, too', () => {
    const draft = transaction([orders.insert({ id: 1 })], { commitLsn: '0/500', endLsn: '0/600' });
    expect(toTransaction(draft)).toMatchObject({ commitLsn: 0x500n, endLsn: 0x600n });
    const placed = toTransaction(transaction([orders.insert({ id: 1 })]), { startLsn: '0/100' });
    expect(placed).toMatchObject({ commitLsn: 0x140n, endLsn: 0x170n });
    const wrong = transaction([orders.insert({ id: 1 })], { endLsn: 'end' });
    expect(() => toTransaction(wrong)).toThrow('endLsn: invalid LSN: "end"');
  });

  it('without changes is not emitted', () => {
    expect(() => toTransaction(transaction([]))).toThrow('does not emit a transaction without changes');
  });
});

describe('isAcknowledged', () => {
  it('supports transactions and messages that were built', () => {
    const tx = toTransaction(transaction([orders.insert({ id: 1 })]));
    expect(isAcknowledged(tx)).toBe(false);
    expect(tx.ack()).toBe(true);
    expect(isAcknowledged(tx)).toBe(true);

    const [begin, , insert] = toMessages(transaction([orders.insert({ id: 1 })]));
    insert?.ack();
    expect([begin, insert].map((message) => message && isAcknowledged(message))).toEqual([false, true]);
  });

  it('throws for others', () => {
    expect(() => isAcknowledged({ ack: () => true })).toThrow('toMessages and toTransaction');
  });
});
