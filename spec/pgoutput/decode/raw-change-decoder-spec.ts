import fc from 'fast-check';
import { ProtocolError } from '../../../lib/common/errors';
import { PgoutputDecoder } from '../../../lib/pgoutput/decode/decoder';
import type { Change } from '../../../lib/pgoutput/messages/messages';
import { getRawChange, type RawChange } from '../../../lib/pgoutput/messages/raw-change';
import { RawChangeDecoder } from '../../../lib/pgoutput/decode/raw-change-decoder';
import { defaultTypes, type TypeParsers } from '../../../lib/pgoutput/values/values';
import { TABLE } from '../../../lib/testing/defaults';
import {
  buildBegin,
  buildBeginPrepare,
  buildCommit,
  buildDelete,
  insertXid,
  buildInsert,
  buildLogicalMessage,
  buildPrepare,
  buildRelation,
  buildStreamStart,
  buildStreamStop,
  buildTruncate,
  buildType,
  UNCHANGED,
  buildUpdate,
} from '../../../lib/testing/payloads';
import { captureError } from '../../support/capture-error';
import { block, firstBlock } from '../support/blocks';
import { decodeAny } from '../support/decode';

const OTHER = 99;

/** The raw changes of a stream, after its buffers were overwritten. */
function recordings(payloads: readonly Buffer[], types: TypeParsers = defaultTypes): RawChange[] {
  const decoder = new PgoutputDecoder(types);
  return payloads.flatMap((payload) => {
    const buffer = Buffer.concat([Buffer.from('before'), payload, Buffer.from('behind')]);
    const message = decoder.decode(buffer, 6, 6 + payload.length);
    buffer.fill(0xee);
    return getRawChange(message) ?? [];
  });
}

/** The changes decoded from raw changes, from a copy within other bytes. */
function replayed(recorded: readonly RawChange[], commitLsn = 0x100n): Change[] {
  const decoder = new RawChangeDecoder(commitLsn);
  return recorded.map(({ payload, relations }) => {
    const buffer = Buffer.concat([Buffer.from('before'), payload, Buffer.from('behind')]);
    const change = decoder.decodeChange(buffer, 6, 6 + payload.length, relations);
    buffer.fill(0xee);
    return change;
  });
}

/** The changes of a transaction that is sent as a whole. */
function whole(payloads: readonly Buffer[]): Change[] {
  return decodeAny([buildBegin(), ...payloads, buildCommit()]).filter(
    (message): message is Change => 'ordinal' in message && message.ordinal !== undefined,
  );
}

/** Includes non-enumerable properties. */
function relationsOf(change: Change): unknown {
  if (change.kind === 'message') return undefined;
  return change.kind === 'truncate' ? change.relations : change.relation;
}

function expectSameChanges(actual: readonly Change[], expected: readonly Change[]): void {
  expect(actual).toStrictEqual(expected);
  expect(actual.map(relationsOf)).toStrictEqual(expected.map(relationsOf));
  expect(actual.map((change) => JSON.stringify(change))).toEqual(expected.map((change) => JSON.stringify(change)));
}

const users = buildRelation();
const others = buildRelation({ oid: OTHER, schema: 'billing', name: 'others', identity: 'f', columns: ['a', 'b'] });

const EVERYTHING = [
  users,
  buildInsert(['1', 'ann']),
  buildUpdate(['2', UNCHANGED]),
  buildUpdate(['2', UNCHANGED], { key: ['1', null] }),
  others,
  buildUpdate(['x', UNCHANGED], { old: ['w', 'toast'] }, OTHER),
  buildInsert(['3', null]),
  buildDelete({ key: ['2', null] }),
  buildDelete({ old: ['x', 'toast'] }, OTHER),
  buildTruncate({ oids: [TABLE, OTHER], cascade: true, restartIdentity: true }),
  buildTruncate({ oids: [OTHER] }),
  buildLogicalMessage({ prefix: 'p', content: Buffer.from([0, 255]), lsn: 0x77n }),
  buildTruncate({ oids: [] }),
  buildInsert(['4', 'dan']),
];

describe('decoding of raw changes', () => {
  it('returns the changes of the whole transaction', () => {
    expectSameChanges(replayed(recordings(firstBlock(700, ...EVERYTHING))), whole(EVERYTHING));
  });

  it('sets no xid, and the given position', () => {
    for (const change of replayed(recordings(firstBlock(700, ...EVERYTHING)), 0xffff_ffff_ffffn)) {
      expect(change).not.toHaveProperty('xid');
      expect(change.commitLsn).toBe(0xffff_ffff_ffffn);
    }
  });

  it('returns those of a prepared transaction from its raw changes', () => {
    const fields = { prepareLsn: 0x500n };
    const piece = decodeAny([buildBeginPrepare(fields), ...EVERYTHING, buildPrepare(fields)]);
    const expected = piece.filter((message): message is Change => 'ordinal' in message);
    expectSameChanges(replayed(recordings(firstBlock(700, ...EVERYTHING)), 0x500n), expected);
  });

  it('returns equal, distinct objects each time', () => {
    const recorded = recordings(firstBlock(700, ...EVERYTHING));
    const [first, second] = [replayed(recorded), replayed(recorded)];
    expectSameChanges(second, first);
    const [one, other] = [first[0], second[0]];
    if (one?.kind !== 'insert' || other?.kind !== 'insert') throw new Error('Expected two inserts');
    one.new['name'] = 'changed';
    expect(other.new).toEqual({ id: 1, name: 'ann' });
  });

  it('omits changes that are not given, and counts the others', () => {
    const recorded = recordings(
      firstBlock(700, users, buildInsert(['1', 'a']), [701, buildInsert(['2', 'b'])], buildInsert(['3', 'c'])),
    );
    const left = replayed(recorded.filter(({ xid }) => xid !== 701));
    expectSameChanges(left, whole([users, buildInsert(['1', 'a']), buildInsert(['3', 'c'])]));
  });

  it('decodes each row by the description at its time, whatever was received in between', () => {
    const renamed = buildRelation({ name: 'people', columns: [{ name: 'key', key: true, typeOid: 25 }] });
    const payloads = [
      users,
      buildInsert(['1', 'a']),
      renamed,
      buildInsert(['2']),
      buildDelete({ key: ['2'] }),
      users,
      buildInsert(['3', 'c']),
    ];
    const recorded = recordings(firstBlock(700, ...payloads));
    expectSameChanges(replayed(recorded), whole(payloads));
    const backwards = replayed([...recorded].reverse()).reverse();
    expect(backwards.map((change) => 'table' in change && change.table)).toEqual([
      'users',
      'people',
      'people',
      'users',
    ]);
  });

  it('decodes domains as they were known at its time', () => {
    const described = buildRelation({ columns: [{ name: 'a', typeOid: 16400 }] });
    const payloads = [
      buildType(16400, 'int4', ''),
      described,
      buildInsert(['1']),
      buildType(16400, 'mood'),
      described,
      buildInsert(['1']),
    ];
    const changes = replayed(recordings(firstBlock(700, ...payloads)));
    expectSameChanges(changes, whole(payloads));
    expect(changes).toMatchObject([{ new: { a: 1 } }, { new: { a: '1' } }]);
  });

  it('decodes values with the parsers of its stream', () => {
    const types: TypeParsers = { getTypeParser: (oid) => (text) => `${oid}:${text}` };
    const [change] = replayed(recordings(firstBlock(700, users, buildInsert(['1', 'a'])), types));
    expect(change).toMatchObject({ new: { id: '23:1', name: '25:a' } });
  });

  it('knows only the tables that it is given', () => {
    const [recording] = recordings(firstBlock(700, users, buildInsert(['1', 'a'])));
    if (!recording) throw new Error('Expected a recording');
    const { payload } = recording;
    const error = captureError(() => new RawChangeDecoder(1n).decodeChange(payload, 0, payload.length, []));
    expect(error.message).toMatch(/^Insert message: expected the Relation with OID 16384 before it/);
  });

  it('is possible for changes only', () => {
    for (const payload of [
      insertXid(7, users),
      insertXid(7, buildType(1, 'x')),
      insertXid(7, buildLogicalMessage({ transactional: false })),
    ]) {
      expect(captureError(() => new RawChangeDecoder(1n).decodeChange(payload, 0, payload.length, [])).message).toMatch(
        /expected a change of a transaction/,
      );
    }
    expect(() => new RawChangeDecoder(1n).decodeChange(Buffer.from('?'), 0, 1, [])).toThrow(ProtocolError);
  });
});

describe('a raw change', () => {
  it('exists for every streamed change, with its subtransaction, and for no other message', () => {
    const messages = decodeAny([
      buildLogicalMessage({ transactional: false }),
      buildBegin(),
      ...EVERYTHING,
      buildCommit(),
      ...firstBlock(700, buildType(5, 'mood'), users, [701, buildInsert(['1', 'a'])], buildLogicalMessage()),
    ]);
    const found = messages.flatMap((message) => {
      const recording = getRawChange(message);
      return recording ? [[message.kind, recording.xid]] : [];
    });
    expect(found).toEqual([
      ['insert', 701],
      ['message', 700],
    ]);
  });

  it('is not part of the data', () => {
    const [, , change] = decodeAny(firstBlock(700, users, buildInsert(['1', 'a'])));
    expect(new Set(Reflect.ownKeys(change ?? {}))).toEqual(new Set(Object.keys({ ...change })));
    expect(getRawChange({ ...change })).toBeUndefined();
    expect(structuredClone({ ...change })).toEqual({ ...change });
  });

  it('shares the list of one table, so that thousands of changes need only one', () => {
    const recorded = recordings(firstBlock(700, users, buildInsert(['1', 'a']), buildInsert(['2', 'b'])));
    expect(recorded[0]?.relations).toBe(recorded[1]?.relations);
  });
});

describe('random changes, streamed in random blocks', () => {
  const text = fc.oneof(
    fc.constant(null),
    fc.constant(''),
    fc.string({ maxLength: 5 }).map((one) => one.replaceAll('\0', '')),
  );
  const row = fc.tuple(fc.integer({ min: 0, max: 9 }).map(String), text);
  const change = fc.oneof(
    row.map((values) => buildInsert(values)),
    row.map((values) => buildInsert(values, OTHER)),
    row.map(([id]) => buildUpdate([id, UNCHANGED])),
    fc.tuple(row, row).map(([values, old]) => buildUpdate([values[0], UNCHANGED], { old }, OTHER)),
    row.map(([id]) => buildDelete({ key: [id, null] })),
    row.map((old) => buildDelete({ old }, OTHER)),
    fc.subarray([TABLE, OTHER]).map((oids) => buildTruncate({ oids })),
    text.map((content) => buildLogicalMessage({ content: content ?? 'none' })),
    // DDL, including that of a table that is not changed afterwards.
    fc.constantFrom('id', 'key', '__proto__').map((name) => buildRelation({ columns: [{ name, key: true }, 'name'] })),
    fc.constantFrom(['a', 'b'], ['b', 'a']).map((columns) => buildRelation({ oid: OTHER, name: 'others', columns })),
    fc.constantFrom('int4', 'mood').map((name) => buildType(25, name, '')),
  );

  it('are decoded like those of the whole transaction', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(change, fc.boolean())), (changes) => {
        const payloads = [users, others, ...changes.map(([payload]) => payload)];
        const streamed = [buildStreamStart(), insertXid(700, users), insertXid(700, others)];
        for (const [payload, cut] of changes) {
          if (cut) streamed.push(buildStreamStop(), buildStreamStart({ first: false }));
          streamed.push(insertXid(700, payload));
        }
        expectSameChanges(replayed(recordings([...streamed, buildStreamStop()])), whole(payloads));
      }),
      { numRuns: 300 },
    );
  });

  it('do not affect the blocks of other transactions', () => {
    const seven = [buildRelation({ name: 'seven', columns: ['a'] }), buildInsert(['1']), buildInsert(['2'])] as const;
    const eight = [buildRelation({ name: 'eight', columns: ['b'] }), buildInsert(['3']), buildInsert(['4'])] as const;
    const recorded = recordings([
      ...firstBlock(700, seven[0], seven[1]),
      ...firstBlock(800, eight[0], eight[1]),
      ...block(700, seven[2]),
      ...block(800, eight[2]),
    ]);
    expectSameChanges(replayed(recorded.filter(({ xid }) => xid === 700)), whole(seven));
    expectSameChanges(replayed(recorded.filter(({ xid }) => xid === 800)), whole(eight));
  });
});
