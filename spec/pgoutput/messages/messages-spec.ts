import { inspect } from 'node:util';
import { InMemoryChangeList } from '../../../lib/operators/transactions/change-list';
import { Transaction } from '../../../lib/operators/transactions/transaction';
import { KeepaliveMessage, XLogDataMessage } from '../../../lib/pgoutput/messages/walsender-messages';
import { decodeAll, decodeLast } from '../support/decode';
import * as payloads from '../../../lib/testing/payloads';
import {
  buildBegin,
  buildCommit,
  buildDelete,
  buildInsert,
  buildLogicalMessage,
  buildOrigin,
  buildRelation,
  buildTruncate,
  buildType,
  buildUpdate,
} from '../../../lib/testing/payloads';

const everyKind = [
  buildBegin(),
  buildOrigin('node', 0x1_0000_0000n),
  buildType(16500, 'mood'),
  buildRelation(),
  buildInsert(['1', null]),
  buildUpdate(['2', payloads.UNCHANGED], { key: ['1', null] }),
  buildDelete({ old: ['2', 'b'] }),
  buildTruncate({ cascade: true }),
  buildLogicalMessage({ content: 'ab' }),
  buildLogicalMessage({ transactional: false, content: '' }),
  buildCommit(),
];

describe('JSON.stringify of a message', () => {
  it('contains all data, with LSNs as X/Y', () => {
    const commitTime = '2024-05-06T07:08:09.123Z';
    const change = { schema: 'public', table: 'users', commitLsn: '0/100' };
    const content = { type: 'Buffer', data: [97, 98] };
    expect(decodeAll(everyKind).map((message): unknown => JSON.parse(JSON.stringify(message)))).toStrictEqual([
      { kind: 'begin', commitLsn: '0/100', commitTime, xid: 700 },
      { kind: 'origin', name: 'node', originLsn: '1/0' },
      { kind: 'type', oid: 16500, schema: 'public', name: 'mood' },
      {
        kind: 'relation',
        oid: 16384,
        schema: 'public',
        name: 'users',
        table: 'users',
        replicaIdentity: 'default',
        columns: [
          { name: 'id', key: true, typeOid: 23, typeModifier: -1 },
          { name: 'name', key: false, typeOid: 25, typeModifier: -1 },
        ],
      },
      { kind: 'insert', ...change, ordinal: 0, new: { id: 1, name: null }, unchanged: [] },
      { kind: 'update', ...change, ordinal: 1, new: { id: 2 }, key: { id: 1 }, unchanged: ['name'] },
      { kind: 'delete', ...change, ordinal: 2, old: { id: 2, name: 'b' } },
      { kind: 'truncate', tables: ['users'], commitLsn: '0/100', ordinal: 3, cascade: true, restartIdentity: false },
      { kind: 'message', transactional: true, lsn: '0/90', prefix: 'spec', content, commitLsn: '0/100', ordinal: 4 },
      { kind: 'message', transactional: false, lsn: '0/90', prefix: 'spec', content: { type: 'Buffer', data: [] } },
      { kind: 'commit', commitLsn: '0/100', endLsn: '0/130', commitTime },
    ]);
  });

  it('contains keepalives and raw data, starting with the kind', () => {
    const time = new Date(0);
    expect(
      JSON.stringify([new KeepaliveMessage(1n, time, true), new XLogDataMessage(1n, 2n, time, Buffer.of(7))]),
    ).toBe(
      '[{"kind":"keepalive","walEnd":"0/1","serverTime":"1970-01-01T00:00:00.000Z","replyRequested":true},' +
        '{"kind":"xlogData","dataStart":"0/1","walEnd":"0/2","serverTime":"1970-01-01T00:00:00.000Z",' +
        '"data":{"type":"Buffer","data":[7]}}]',
    );
  });

  it('contains bigints of a row as decimal text, at any depth, and dates and buffers as JSON does', () => {
    const value = { big: 2n ** 63n, list: [1n, { deep: -1n }], date: new Date(0), bytes: Buffer.of(1), none: null };
    const types = { getTypeParser: () => () => value };
    const message = decodeLast('insert', [buildBegin(), buildRelation({ columns: ['v'] }), buildInsert(['x'])], types);
    expect(JSON.parse(JSON.stringify(message))).toHaveProperty('new.v', {
      big: '9223372036854775808',
      list: ['1', { deep: '-1' }],
      date: '1970-01-01T00:00:00.000Z',
      bytes: { type: 'Buffer', data: [1] },
      none: null,
    });
  });
});

describe('console.log of a message', () => {
  it('prints its class and members, with LSNs as X/Y', () => {
    const keepalive = new KeepaliveMessage(0x1750a70n, new Date(0), false);
    expect(inspect(keepalive, { breakLength: Infinity })).toBe(
      "KeepaliveMessage { kind: 'keepalive', walEnd: '0/1750A70', serverTime: 1970-01-01T00:00:00.000Z, replyRequested: false }",
    );
  });

  it('prints a row unchanged, including its bigints', () => {
    const types = { getTypeParser: () => BigInt };
    const message = decodeLast(
      'insert',
      [buildBegin(), buildRelation({ columns: ['v'] }), buildInsert(['24446888'])],
      types,
    );
    expect(inspect(message)).toContain('new: { v: 24446888n }');
  });

  it('prints the changes of a transaction', () => {
    const changes = [decodeLast('insert', [buildBegin(), buildRelation(), buildInsert(['1', null])])];
    const transaction = new Transaction(700, 0x100n, 0x130n, new Date(0), undefined, new InMemoryChangeList(changes));
    const [shown, other] = [transaction, { ...transaction, kind: 'x', changes }].map((it) => inspect(it, { depth: 9 }));
    expect(shown).toMatch(/^Transaction \{\n {2}kind: 'transaction',/);
    expect(shown).toContain("endLsn: '0/130'");
    // Nested messages are indented like any object.
    expect(shown?.slice(shown.indexOf('changes:'))).toBe(other?.slice(other.indexOf('changes:')));
    expect(shown).toContain("commitLsn: '0/100',\n      ordinal: 0,");
  });

  it('supports the option depth', () => {
    const message = decodeLast('insert', [buildBegin(), buildRelation(), buildInsert(['1', null])]);
    expect(inspect([[message]], { depth: 1 })).toBe('[ [ [InsertMessage] ] ]');
    expect(inspect([message], { depth: 1 })).toContain('new: [Object]');
    expect(inspect([message], { depth: 2 })).toContain('new: { id: 1, name: null }');
    const transaction = new Transaction(700, 0x100n, 0x130n, new Date(0), undefined, new InMemoryChangeList([message]));
    expect(inspect(transaction, { depth: 0 })).toContain('changes: [Array]');
  });

  it('supports the other options', () => {
    const message = decodeLast('insert', [buildBegin(), buildRelation(), buildInsert(['1', null])]);
    expect(inspect(message, { colors: true })).toContain("\u001b[32m'0/100'\u001b[39m");
    expect(inspect(message, { compact: false })).toContain('new: {\n    id: 1,');
  });

  it('does not affect the data', () => {
    const message = decodeLast('insert', [buildBegin(), buildRelation(), buildInsert(['1', null])]);
    inspect(message);
    expect({ ...message }).toStrictEqual({
      kind: 'insert',
      schema: 'public',
      table: 'users',
      commitLsn: 0x100n,
      ordinal: 0,
      new: { id: 1, name: null },
      unchanged: [],
    });
    expect(Object.getOwnPropertySymbols(message)).toEqual([]);
  });
});

describe('ack of a message without a session', () => {
  it('returns true for every kind, without its object, and repeatedly', () => {
    const messages = decodeAll(everyKind);
    expect(new Set(messages.map(({ kind }) => kind)).size).toBe(10);
    for (const { ack } of messages) expect([ack(), ack()]).toEqual([true, true]);
  });

  it('is not part of the data', () => {
    const [message] = decodeAll([buildBegin()]);
    expect(new Set(Reflect.ownKeys(message ?? {}))).toEqual(new Set(['kind', 'commitLsn', 'commitTime', 'xid']));
  });
});
