import { InsertMessage } from '../../../lib/pgoutput/messages/change-messages';
import { decodeAll, decodeError, decodeLast } from '../support/decode';
import { i32, u16, u32, u8 } from '../../../lib/testing/bytes';
import { TABLE } from '../../../lib/testing/defaults';
import * as payloads from '../../../lib/testing/payloads';
import {
  buildBegin,
  buildCommit,
  buildDelete,
  buildInsert,
  buildLogicalMessage,
  buildRelation,
  buildTruncate,
  UNCHANGED,
  buildUpdate,
} from '../../../lib/testing/payloads';

const invoices = buildRelation({
  schema: 'billing',
  name: 'invoices',
  columns: [{ name: 'id', key: true, typeOid: 23 }, 'note', 'scan'],
});
const start = [buildBegin({ commitLsn: 0x200n }), invoices];
const place = { schema: 'billing', table: 'billing.invoices', commitLsn: 0x200n, ordinal: 0 };

describe('Insert', () => {
  it('has the new row, with null for null', () => {
    const message = decodeLast('insert', [...start, buildInsert(['1', 'ä', null])]);
    expect(message).toEqual({ kind: 'insert', ...place, new: { id: 1, note: 'ä', scan: null }, unchanged: [] });
  });

  it('omits a column that the server did not send, and lists it', () => {
    const message = decodeLast('insert', [...start, buildInsert(['1', '', UNCHANGED])]);
    expect(message.new).toStrictEqual({ id: 1, note: '' });
    expect(message.unchanged).toStrictEqual(['scan']);
    expect(JSON.parse(JSON.stringify(message))).toMatchObject({ new: { id: 1, note: '' }, unchanged: ['scan'] });
  });

  it('lists none of the columns that the previous row lacks', () => {
    const messages = decodeAll([...start, buildInsert(['1', UNCHANGED, UNCHANGED]), buildInsert(['2', '', ''])]);
    expect(messages.slice(-2)).toMatchObject([{ unchanged: ['note', 'scan'] }, { unchanged: [] }]);
  });

  it('refers to the Relation message before it, which is not enumerable', () => {
    const [, described, message] = decodeAll([...start, buildInsert(['1', null, null])]);
    expect(message instanceof InsertMessage && message.relation).toBe(described);
    expect(Object.keys(message ?? {})).not.toContain('relation');
  });
});

describe('Update', () => {
  it('has neither old nor key if the key is unchanged', () => {
    const message = decodeLast('update', [...start, buildUpdate(['1', 'n', null])]);
    expect(message).toEqual({ kind: 'update', ...place, new: { id: 1, note: 'n', scan: null }, unchanged: [] });
    expect(message.old).toBeUndefined();
    expect(message.key).toBeUndefined();
  });

  it('has only the key columns of a changed key: in a key tuple, n is not null', () => {
    const message = decodeLast('update', [...start, buildUpdate(['2', 'n', 's'], { key: ['1', null, null] })]);
    expect(message.key).toStrictEqual({ id: 1 });
    expect(message.new).toStrictEqual({ id: 2, note: 'n', scan: 's' });
    expect(message.old).toBeUndefined();
  });

  it('has the whole old row under REPLICA IDENTITY FULL, with null for null', () => {
    const message = decodeLast('update', [...start, buildUpdate(['1', 'n', 's'], { old: ['1', null, 'o'] })]);
    expect(message.old).toStrictEqual({ id: 1, note: null, scan: 'o' });
    expect(message.key).toBeUndefined();
  });

  it('lists an unchanged TOAST column and omits it from the new row', () => {
    const message = decodeLast('update', [...start, buildUpdate(['1', null, UNCHANGED])]);
    expect(message.new).toStrictEqual({ id: 1, note: null });
    expect(message.unchanged).toEqual(['scan']);
  });

  it('fills an unchanged TOAST column from the key that it is part of, and no other', () => {
    const message = decodeLast('update', [
      ...start,
      buildUpdate([UNCHANGED, 'n', UNCHANGED], { key: ['1', null, null] }),
    ]);
    expect(message.new).toStrictEqual({ id: 1, note: 'n' });
    expect(message.unchanged).toEqual(['scan']);
  });

  it('fills an unchanged TOAST column from the old row', () => {
    const message = decodeLast('update', [
      ...start,
      buildUpdate(['1', UNCHANGED, UNCHANGED], { old: ['1', null, 'big'] }),
    ]);
    expect(message.new).toStrictEqual({ id: 1, note: null, scan: 'big' });
    expect(message.unchanged).toEqual([]);
  });

  it('lists a column that is unchanged in the old row, too', () => {
    const message = decodeLast('update', [
      ...start,
      buildUpdate(['2', 'n', UNCHANGED], { old: ['1', 'o', UNCHANGED] }),
    ]);
    expect(message.old).toStrictEqual({ id: 1, note: 'o' });
    expect(message.new).toStrictEqual({ id: 2, note: 'n' });
    expect(message.unchanged).toEqual(['scan']);
  });
});

describe('Delete', () => {
  it('has only the key columns', () => {
    const message = decodeLast('delete', [...start, buildDelete({ key: ['1', null, null] })]);
    expect(message).toEqual({ kind: 'delete', ...place, key: { id: 1 } });
    expect(message.key).toStrictEqual({ id: 1 });
    expect(message.old).toBeUndefined();
  });

  it('omits columns that are not part of the key, even if they are sent', () => {
    const message = decodeLast('delete', [...start, buildDelete({ key: ['1', 'x', UNCHANGED] })]);
    expect(message.key).toStrictEqual({ id: 1 });
  });

  it('has the whole old row under REPLICA IDENTITY FULL', () => {
    const message = decodeLast('delete', [...start, buildDelete({ old: ['1', null, UNCHANGED] })]);
    expect(message.old).toStrictEqual({ id: 1, note: null });
    expect(message.key).toBeUndefined();
  });
});

describe('Truncate', () => {
  it.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])('lists its tables (cascade %s, restart identity %s)', (cascade, restartIdentity) => {
    const users = buildRelation({ oid: 1 });
    const message = decodeLast('truncate', [
      ...start,
      users,
      buildTruncate({ oids: [TABLE, 1], cascade, restartIdentity }),
    ]);
    expect(message).toEqual({
      kind: 'truncate',
      tables: ['billing.invoices', 'users'],
      commitLsn: 0x200n,
      ordinal: 0,
      cascade,
      restartIdentity,
    });
    expect(message.relations.map(({ oid }) => oid)).toEqual([TABLE, 1]);
  });

  it('rejects a count of tables that the payload cannot contain', () => {
    const payload = payloads.buildPayload('T', u32(0xffff_ffff), u8(0), u32(TABLE));
    expect(decodeError([...start, payload]).message).toMatch(/^Truncate message: expected .* at byte 10/);
  });
});

describe('the ordinal', () => {
  it('counts rows, truncates and transactional messages, from 0 in each transaction', () => {
    const row = ['1', null, null];
    const next = { commitLsn: 0x300n };
    const messages = decodeAll([
      ...start,
      buildInsert(row),
      invoices,
      buildUpdate(row),
      buildLogicalMessage(),
      buildLogicalMessage({ transactional: false }),
      buildDelete({ key: row }),
      buildTruncate(),
      buildCommit({ commitLsn: 0x200n }),
      buildBegin(next),
      buildInsert(row),
    ]);
    const places = messages.flatMap((message) => ('ordinal' in message ? [[message.commitLsn, message.ordinal]] : []));
    expect(places).toEqual([
      [0x200n, 0],
      [0x200n, 1],
      [0x200n, 2],
      [undefined, undefined],
      [0x200n, 3],
      [0x200n, 4],
      [0x300n, 0],
    ]);
  });
});

describe('an invalid change', () => {
  const row = ['1', null, null];
  const changes = [
    ['Insert', buildInsert(row)],
    ['Update', buildUpdate(row)],
    ['Delete', buildDelete({ key: row })],
    ['Truncate', buildTruncate()],
  ] as const;

  it.each(changes)('is rejected outside a transaction: %s', (name, change) => {
    const outside = `${name} message: it came outside a transaction; expected Begin before it`;
    expect(decodeError([invoices, change]).message).toContain(outside);
    expect(decodeError([...start, buildCommit({ commitLsn: 0x200n }), change]).message).toContain(outside);
  });

  it.each(changes)('is rejected before its Relation: %s', (name, change) => {
    expect(decodeError([buildBegin(), change]).message).toContain(
      `${name} message: expected the Relation with OID 16384 before it`,
    );
  });

  it.each([
    ['fewer', ['1', null]],
    ['more', ['1', null, null, null]],
  ])('is rejected with %s columns than its Relation', (_, columns) => {
    const problem = `expected 3 columns at byte 6, as in the Relation of billing.invoices, found ${columns.length}`;
    expect(decodeError([...start, buildInsert(columns)]).message).toContain(problem);
    expect(decodeError([...start, buildUpdate(row, { old: columns })]).message).toContain(problem);
    expect(decodeError([...start, buildDelete({ key: columns })]).message).toContain(problem);
  });

  it('is rejected with an unknown identity byte', () => {
    const fields = (tag: string) => [u32(TABLE), payloads.buildTuple(tag, row)];
    const error = (tag: string, ...parts: Buffer[]) =>
      decodeError([...start, payloads.buildPayload(tag, ...parts)]).message;
    expect(error('I', ...fields('O'))).toContain("expected the new row, 'N', at byte 5, found 'O'");
    expect(error('U', ...fields('X'))).toContain("expected a row, 'K', 'O' or 'N', at byte 5, found 'X'");
    expect(error('D', ...fields('N'))).toContain("expected the old row, 'K' or 'O', at byte 5, found 'N'");
    const twoKeys = [...fields('K'), payloads.buildTuple('K', row)];
    expect(error('U', ...twoKeys)).toContain("expected the new row, 'N', at byte 16, found 'K'");
  });

  it('is rejected with an unknown kind of column, in every tuple', () => {
    const bad = (tag: string) => payloads.buildPayload(tag, u16(3), Buffer.from('nxn'));
    for (const [tag, kind] of [
      ['I', 'N'],
      ['U', 'O'],
      ['D', 'K'],
    ] as const) {
      const error = decodeError([...start, payloads.buildPayload(tag, u32(TABLE), bad(kind))]);
      expect(error.message).toContain("expected the kind of a column, 'n', 'u', 't' or 'b', at byte 9, found 'x'");
    }
  });

  it('is rejected with a negative length', () => {
    const negative = payloads.buildPayload('N', u16(3), Buffer.from('t'), i32(-1), Buffer.from('nn'));
    const error = decodeError([...start, payloads.buildPayload('I', u32(TABLE), negative)]);
    expect(error.message).toMatch(/^Insert message: expected .* at byte 13/);
  });
});
