import { ProtocolError } from '../../../lib/common/errors';
import type { ReplicationError } from '../../../lib/common/errors';
import { PgoutputDecoder } from '../../../lib/pgoutput/decode/decoder';
import { exactTypes } from '../../../lib/pgoutput/values/exact-types';
import type { AnyPgoutputMessage } from '../../../lib/pgoutput/messages/messages';
import { getRawChange } from '../../../lib/pgoutput/messages/raw-change';
import type { Decoding } from '../../../lib/pgoutput/decode/relations';
import { RawChangeDecoder } from '../../../lib/pgoutput/decode/raw-change-decoder';
import { TypeCatalog } from '../../../lib/pgoutput/types/type-catalog';
import type { TypeDefinition } from '../../../lib/pgoutput/types/type-definitions';
import { UndecodedValue } from '../../../lib/pgoutput/values/undecoded-value';
import { ValueError } from '../../../lib/pgoutput/values/value-error';
import { defaultTypes, type TypeParsers } from '../../../lib/pgoutput/values/values';
import {
  buildBegin,
  buildBeginPrepare,
  buildCommit,
  buildDelete,
  buildInsert,
  buildRelation,
  UNCHANGED,
  buildUpdate,
} from '../../../lib/testing/payloads';
import { captureError } from '../../support/capture-error';
import { firstBlock } from '../support/blocks';

const JSON_TYPE = 114;
const OTHER_TYPE = 20_000;

/** A placeholder for a byte that is invalid in UTF-8, like é in Latin 1. */
const BAD = '~';

/** The payload with these bytes. */
function latin1(payload: Buffer): Buffer {
  return Buffer.from(payload.map((byte) => (byte === BAD.charCodeAt(0) ? 0xe9 : byte)));
}

function decodeAll(payloads: readonly Buffer[], decoding: Partial<Decoding> = {}): AnyPgoutputMessage[] {
  const decoder = new PgoutputDecoder(decoding.types ?? defaultTypes, decoding);
  return payloads.map((payload) => {
    const message = decoder.decode(payload, 0, payload.length);
    return message;
  });
}

function decodeError(payloads: readonly Buffer[], decoding?: Partial<Decoding>): ReplicationError {
  const error = captureError(() => decodeAll(payloads, decoding));
  if (!(error instanceof ValueError)) throw error;
  return error;
}

/** The last message, which has a delivered undecoded value. */
function delivered(payloads: readonly Buffer[], decoding: Partial<Decoding> = {}): AnyPgoutputMessage | undefined {
  return decodeAll(payloads, { ...decoding, onDecodeError: 'deliver' }).at(-1);
}

const docs = buildRelation({
  schema: 'app',
  name: 'docs',
  columns: [{ name: 'id', key: true, typeOid: 23 }, 'body', 'note'],
});

function catalogOf(definitions: Readonly<Record<number, TypeDefinition>>): TypeCatalog {
  const catalog = new TypeCatalog();
  catalog.learn([], new Map(Object.entries(definitions).map(([oid, definition]) => [Number(oid), definition])));
  return catalog;
}

describe('the error for a value that cannot be decoded', () => {
  const payloads = [buildBegin({ commitLsn: 0x16b6c50n }), docs, latin1(buildInsert(['1', 'caf~', 'fine']))];

  it('has commit LSN, table, column, type and format, in its message and as properties', () => {
    const error = decodeError(payloads);
    expect(error).toMatchObject({
      code: 'VALUE_DECODE_FAILED',
      name: 'ValueError',
      retryable: false,
      commitLsn: 0x16b6c50n,
      xid: undefined,
      schema: 'app',
      table: 'app.docs',
      column: 'body',
      typeOid: 25,
      format: 'text',
    });
    expect(error.message).toMatch(
      /^Column body of app\.docs \(type OID 25\) has a value that is not valid UTF-8, in the transaction that commits at 0\/16B6C50\./,
    );
  });

  it('has a remedy for the current transaction: changing the table or the publication does not help it', () => {
    const { message } = decodeError(payloads);
    expect(message).toContain("onDecodeError: 'deliver'");
    expect(message).not.toMatch(/publication|column list/i);
  });

  it('has a JSON form with all properties', () => {
    expect(JSON.parse(JSON.stringify(decodeError(payloads)))).toMatchObject({
      name: 'ValueError',
      code: 'VALUE_DECODE_FAILED',
      commitLsn: '0/16B6C50',
      table: 'app.docs',
      column: 'body',
      typeOid: 25,
      format: 'text',
    });
  });

  it('names the transaction if that is streamed while it is open', () => {
    const error = decodeError([...firstBlock(901, docs, latin1(buildInsert(['1', 'caf~', null]))).slice(0, -1)]);
    expect(error).toMatchObject({ commitLsn: undefined, xid: 901, column: 'body' });
    expect(error.message).toContain('in the open transaction 901');
  });

  it('has the prepare LSN of a prepared transaction', () => {
    const error = decodeError([
      buildBeginPrepare({ prepareLsn: 0x77n }),
      docs,
      latin1(buildInsert(['1', 'caf~', null])),
    ]);
    expect(error).toMatchObject({ commitLsn: 0x77n, xid: undefined });
  });

  it('keeps the error of a custom parser as its cause, and its position when an error rule applies', () => {
    const cause = new Error('odd');
    const types: TypeParsers = {
      getTypeParser: () => () => {
        throw cause;
      },
    };
    const error = decodeError([buildBegin(), docs, buildInsert(['1', 'a', 'b'])], { types });
    expect(error.cause).toBe(cause);
    expect(error.message).toContain('correct the parser');
    const changed = error.withCode('SERVER_ERROR', { remedy: 'Wait.' });
    expect(changed).toMatchObject({ name: 'ValueError', code: 'SERVER_ERROR', column: 'id', cause });
    expect(changed.message.match(/in the transaction/g)).toHaveLength(1);
  });

  it('is a ProtocolError for a message that is truncated or too long', () => {
    const payload = latin1(buildInsert(['1', 'caf~', 'fine']));
    const errors = [payload.subarray(0, -1), Buffer.concat([payload, Buffer.alloc(1)])].map((one) =>
      captureError(() => decodeAll([buildBegin(), docs, one], { onDecodeError: 'deliver' })),
    );
    expect(errors.map((error) => error instanceof ProtocolError)).toEqual([true, true]);
  });
});

describe('an undecoded value', () => {
  it('is delivered as a copy of its bytes, with all other values and the position of the change', () => {
    const bad = latin1(buildInsert(['2', 'caf~', 'fine']));
    const [, , first, message, last] = decodeAll(
      [buildBegin(), docs, buildInsert(['1', 'a', 'b']), bad, buildInsert(['3', null, 'c']), buildCommit()],
      { onDecodeError: 'deliver' },
    );
    bad.fill(0);
    const body = new UndecodedValue(Buffer.from('caf\xe9', 'latin1'), 'text', 25, expect.any(Error));
    expect(first).toMatchObject({ ordinal: 0, new: { id: 1 } });
    expect(message).toMatchObject({ ordinal: 1, new: { id: 2, note: 'fine' } });
    expect(message).toHaveProperty('new.body', body);
    expect(last).toMatchObject({ ordinal: 2, new: { id: 3, body: null, note: 'c' } });
  });

  it('has a JSON form with its bytes in hexadecimal', () => {
    const message = delivered([buildBegin(), docs, latin1(buildInsert(['1', 'caf~', 'fine']))]);
    expect(JSON.parse(JSON.stringify(message))).toMatchObject({
      kind: 'insert',
      new: {
        id: 1,
        body: {
          undecoded: true,
          format: 'text',
          typeOid: 25,
          length: 4,
          bytes: '\\x636166e9',
          cause: expect.any(String),
        },
        note: 'fine',
      },
    });
  });

  it('may be in new, old and key rows', () => {
    const full = buildRelation({ identity: 'f', columns: ['id', 'body'] });
    const keyed = buildRelation({ columns: [{ name: 'id', key: true }, 'body'] });
    expect(delivered([buildBegin(), full, latin1(buildUpdate(['1', UNCHANGED], { old: ['~', 'b~'] }))])).toMatchObject({
      old: { id: expect.any(UndecodedValue), body: expect.any(UndecodedValue) },
      new: { id: '1', body: expect.any(UndecodedValue) },
    });
    expect(delivered([buildBegin(), keyed, latin1(buildUpdate(['1', '~'], { key: ['~', null] }))])).toMatchObject({
      key: { id: expect.any(UndecodedValue) },
      new: { id: '1', body: expect.any(UndecodedValue) },
    });
    expect(delivered([buildBegin(), keyed, latin1(buildDelete({ key: ['~', null] }))])).toMatchObject({
      key: { id: expect.any(UndecodedValue) },
    });
  });

  it.each<[string, number, string | Buffer, Partial<Decoding>]>([
    ['text that a parser of pg rejects', JSON_TYPE, '{"a":', {}],
    ['text that an exact parser rejects', 23, 'one', { types: exactTypes }],
    ['a text array with an element that is not UTF-8', 1009, '{a,~}', {}],
    [
      'an array of another type with such an element',
      OTHER_TYPE,
      '{a,~}',
      { catalog: catalogOf({ [OTHER_TYPE]: { kind: 'array', element: 25, delimiter: ',' } }) },
    ],
    ['an array with an element that its parser rejects', 199, '{"{\\"a\\":"}', {}],
    [
      'a composite with a field that its parser rejects',
      OTHER_TYPE,
      '(1,"{")',
      {
        composites: true,
        catalog: catalogOf({
          [OTHER_TYPE]: {
            kind: 'composite',
            attributes: [
              { name: 'a', typeOid: 23 },
              { name: 'b', typeOid: JSON_TYPE },
            ],
          },
        }),
      },
    ],
    [
      'a domain over json',
      OTHER_TYPE,
      '{',
      { catalog: catalogOf({ [OTHER_TYPE]: { kind: 'domain', base: JSON_TYPE } }) },
    ],
    ['a binary value of a type that is not known', OTHER_TYPE, Buffer.from([1, 2]), {}],
    ['a binary value of the wrong length', 23, Buffer.from([1, 2]), {}],
    ['binary text that is not UTF-8', 25, Buffer.from('caf\xe9', 'latin1'), {}],
    ['binary jsonb that is not UTF-8', 3802, Buffer.from('\x01"\xe9"', 'latin1'), {}],
    ['a tsvector with a lexeme that is not UTF-8', 3614, Buffer.from('\0\0\0\x01\xe9\0\0\0', 'latin1'), {}],
  ])('is delivered for %s', (_, typeOid, value, decoding) => {
    const described = buildRelation({ columns: [{ name: 'c', typeOid }, 'next'] });
    const payloads = [buildBegin(), described, latin1(buildInsert([value, 'fine']))];
    const bytes = Buffer.isBuffer(value) ? value : Buffer.from(value.replaceAll(BAD, '\xe9'), 'latin1');
    const format = Buffer.isBuffer(value) ? 'binary' : 'text';
    expect(delivered(payloads, decoding)).toMatchObject({ new: { c: { bytes, format, typeOid }, next: 'fine' } });
    expect(decodeError(payloads, decoding)).toMatchObject({ column: 'c', typeOid, format });
  });

  it('has the error of a custom parser as its cause; also that of getTypeParser', () => {
    const cause = new Error('odd');
    const throwing = (): never => {
      throw cause;
    };
    for (const types of [{ getTypeParser: () => throwing }, { getTypeParser: throwing }]) {
      const message = delivered([buildBegin(), docs, buildInsert(['1', 'a', null])], { types });
      expect(message).toMatchObject({ new: { id: { cause }, body: { cause }, note: null } });
    }
  });

  it('may be in the blocks of a streamed transaction, and in the transaction when it commits', () => {
    const decoder = new PgoutputDecoder(defaultTypes, { onDecodeError: 'deliver' });
    const changes = firstBlock(
      901,
      docs,
      buildInsert(['1', 'a', 'b']),
      latin1(buildInsert(['2', '~', 'c'])),
      buildInsert(['3', 'd', 'e']),
    )
      .map((payload) => decoder.decode(payload, 0, payload.length))
      .flatMap((message) => getRawChange(message) ?? []);
    const rawDecoder = new RawChangeDecoder(0x200n);
    const replayed = changes.map(({ payload, relations }) =>
      rawDecoder.decodeChange(payload, 0, payload.length, relations),
    );
    expect(replayed).toMatchObject([
      { ordinal: 0, commitLsn: 0x200n, new: { id: 1 } },
      { ordinal: 1, commitLsn: 0x200n, new: { id: 2, body: expect.any(UndecodedValue), note: 'c' } },
      { ordinal: 2, commitLsn: 0x200n, new: { id: 3, body: 'd' } },
    ]);
  });
});

describe('the error for a value of a streamed transaction', () => {
  it('has the commit LSN if it occurs at the commit', () => {
    let isBroken = false;
    const getTypeParser = () => (text: string) => {
      if (isBroken) throw new Error('odd');
      return text;
    };
    const decoder = new PgoutputDecoder({ getTypeParser });
    const [change] = firstBlock(901, docs, buildInsert(['1', 'a', 'b']))
      .map((payload) => decoder.decode(payload, 0, payload.length))
      .flatMap((message) => getRawChange(message) ?? []);
    isBroken = true;
    const error = captureError(() =>
      new RawChangeDecoder(0x200n).decodeChange(change!.payload, 0, change!.payload.length, change!.relations),
    );
    expect(error).toMatchObject({
      code: 'VALUE_DECODE_FAILED',
      commitLsn: 0x200n,
      xid: undefined,
      table: 'app.docs',
      column: 'id',
    });
  });
});

describe('names that are invalid in UTF-8', () => {
  it('are distinguished, for tables and columns', () => {
    const named = latin1(buildRelation({ name: 'caf~', columns: ['a~', 'a'] }));
    const [, description, change] = decodeAll([buildBegin(), named, buildInsert(['1', '2'])]);
    expect(description).toMatchObject({ table: 'caf\udce9', columns: [{ name: 'a\udce9' }, { name: 'a' }] });
    expect(change).toHaveProperty('new', { 'a\udce9': '1', a: '2' });
  });
});
