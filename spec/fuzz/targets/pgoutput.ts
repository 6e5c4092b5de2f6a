import { inspect } from 'node:util';
import { type ProtocolError } from '../../../lib/common/errors';
import { PgoutputDecoder } from '../../../lib/pgoutput/decode/decoder';
import type { AnyPgoutputMessage } from '../../../lib/pgoutput/messages/messages';
import { getRawChange } from '../../../lib/pgoutput/messages/raw-change';
import { RawChangeDecoder } from '../../../lib/pgoutput/decode/raw-change-decoder';
import { defaultTypes, type TypeParsers } from '../../../lib/pgoutput/values/values';
import {
  begin,
  beginPrepare,
  commit,
  commitPrepared,
  deletion,
  insert,
  encodeLogicalMessage,
  origin,
  prepare,
  relation,
  rollbackPrepared,
  streamAbort,
  streamCommit,
  streamPrepare,
  truncate,
  type,
  UNCHANGED,
  update,
} from '../../../lib/testing/payloads';
import { block, firstBlock } from '../../pgoutput/support/blocks';
import type { Parts } from '../case';
import { expectSame, protocolError, describeOutcome } from '../outcome';
import { BrokenRule, type Target } from '../target';

const OTHER = 16390;
const DOMAIN = 20001;

const ROWS: Parts = [
  begin(),
  relation(),
  insert(['1', 'Grüße']),
  update(['2', null]),
  update(['2', UNCHANGED], { key: ['1', null] }),
  deletion({ key: ['2', null] }),
  truncate({ cascade: true }),
  commit(),
];
const FULL: Parts = [
  type(20000, 'mood'),
  type(DOMAIN, 'int4', ''),
  begin({ commitLsn: 0x200n }),
  origin('elsewhere', 7n),
  relation({
    oid: OTHER,
    schema: 'billing',
    name: 'invoices',
    identity: 'f',
    columns: [
      'a',
      '__proto__',
      { name: 'd', typeOid: DOMAIN },
      { name: 'j', typeOid: 3802 },
      { name: 'x', typeOid: 1007 },
    ],
  }),
  insert(['long', 'p', '7', '{"a":[1]}', '{1,NULL}'], OTHER),
  update([UNCHANGED, UNCHANGED, '8', null, '{}'], { old: ['long', 'p', '7', '1', '{{1},{2}}'] }, OTHER),
  update(['a', null, '8', '[]', '{}'], undefined, OTHER),
  deletion({ old: ['a', null, '8', '[]', '[0:1]={1,2}'] }, OTHER),
  // The table has lost columns.
  relation({ oid: OTHER, schema: 'billing', name: 'invoices', identity: 'n', columns: ['a'] }),
  insert(['short'], OTHER),
  commit({ commitLsn: 0x200n }),
];
const MESSAGES: Parts = [
  encodeLogicalMessage({ transactional: false }),
  begin({ commitLsn: 0x300n }),
  encodeLogicalMessage({ content: Buffer.from([0, 255, 128]) }),
  relation(),
  relation({ oid: OTHER, schema: '', name: 'pg_class', identity: 'i', columns: [] }),
  truncate({ oids: [16384, OTHER], restartIdentity: true }),
  insert([], OTHER),
  commit({ commitLsn: 0x300n }),
];
/** Two interleaved transactions that describe one table differently, and are partly aborted. */
const STREAMED: Parts = [
  ...firstBlock(700, origin('elsewhere'), relation(), insert(['1', 'Grüße']), [701, update(['2', UNCHANGED])]),
  ...firstBlock(
    800,
    type(DOMAIN, 'int4', ''),
    relation({ columns: ['b', { name: '__proto__', typeOid: DOMAIN }] }),
    insert(['x', '7']),
  ),
  streamAbort({ xid: 700, subxid: 701 }),
  encodeLogicalMessage({ transactional: false }),
  ...block(700, relation(), deletion({ key: ['1', null] }), truncate({ oids: [16384, 16384] }), encodeLogicalMessage()),
  streamCommit({ xid: 800, commitLsn: 0x400n }),
  ...ROWS,
  streamCommit({ xid: 700, commitLsn: 0x500n }),
];
const TWO_PHASE: Parts = [
  ...firstBlock(900, relation(), insert(['1', 'a'])),
  beginPrepare({ xid: 901, gid: 'Grüße' }),
  relation(),
  insert(['2', null]),
  prepare({ xid: 901, gid: 'Grüße' }),
  streamPrepare({ xid: 900, gid: '' }),
  commitPrepared({ xid: 901, gid: 'Grüße' }),
  rollbackPrepared({ xid: 900, gid: '' }),
];
const PARALLEL: Parts = [
  ...firstBlock(700, relation(), insert(['1', 'a'])),
  streamAbort({ xid: 700, subxid: 705, abortLsn: 0x77n }),
  streamAbort({ xid: 700, abortLsn: 0x78n }),
];
const BINARY: Parts = [
  ...firstBlock(700, relation(), insert([Buffer.of(0, 0, 0, 1), Buffer.from('Grüße')])),
  streamCommit({ xid: 700 }),
];

export const pgoutput: Target = {
  name: 'pgoutput',
  seeds: [
    ROWS,
    FULL,
    MESSAGES,
    STREAMED,
    TWO_PHASE,
    PARALLEL,
    BINARY,
    [...ROWS, ...FULL, ...MESSAGES, ...STREAMED, ...TWO_PHASE],
  ],
  run(parts) {
    const outcome = decodePayloads(parts);
    const among = decodePayloads(parts, surround);
    expectSame('With other bytes around the payload, which change later', among, outcome);
    refuseValues(parts);
    return describeOutcome(outcome);
  },
};

interface Placed {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
}

/** All messages, and the end. After an error, the decoder is not used again. */
export function decodePayloads(parts: Parts, place: (part: Buffer) => Placed = copyWithoutNeighbours): string[] {
  const decoder = new PgoutputDecoder(defaultTypes);
  const messages: AnyPgoutputMessage[] = [];
  const end: string[] = [];
  try {
    for (const part of parts) {
      const { buffer, start, end } = place(part);
      messages.push(decoder.decode(buffer, start, end));
      buffer.fill(0xff);
    }
  } catch (error) {
    end.push(protocolError(error));
  }
  messages.forEach(checkColumns);
  checkRawChanges(messages);
  const outcome = messages.map((message) => JSON.stringify(message));
  for (const message of messages.slice(-2)) inspect(message);
  return [...outcome, ...end];
}

/** Verifies that a row contains all columns that an update does not list as unchanged, whatever their names. */
function checkColumns(message: AnyPgoutputMessage): void {
  if (message.kind !== 'update') return;
  const expected = new Set(message.relation.columns.map((column) => column.name));
  const actual = new Set([...Object.keys(message.new), ...message.unchanged]);
  for (const name of expected) {
    if (!actual.delete(name)) throw new BrokenRule(`Column ${name} is nowhere`);
  }
  if (actual.size > 0) throw new BrokenRule(`The table has no column ${[...actual].join()}`);
}

/** Verifies that streamed changes can be encoded and decoded again, with equal results except for their position. */
function checkRawChanges(messages: readonly AnyPgoutputMessage[]): void {
  const decoder = new RawChangeDecoder(0x900n);
  for (const message of messages) {
    const recording = getRawChange(message);
    // A message outside a transaction already has its position.
    if (!recording || (message.kind === 'message' && !message.transactional)) continue;
    const { payload, relations } = recording;
    const again = decoder.decodeChange(payload, 0, payload.length, relations);
    if (withoutPlace(again) !== withoutPlace(message)) throw new BrokenRule('A streamed change comes otherwise again');
  }
}

function withoutPlace(message: AnyPgoutputMessage): string {
  return JSON.stringify({ ...message.toJSON(), xid: undefined, commitLsn: undefined, ordinal: undefined });
}

function copyWithoutNeighbours(part: Buffer): Placed {
  return { buffer: Buffer.from(part), start: 0, end: part.length };
}

/** The payload within a larger buffer. The bytes around it would terminate texts and continue numbers. */
function surround(part: Buffer): Placed {
  const buffer = Buffer.concat([Buffer.from('abc'), part, Buffer.from([0, 0, 0, 1, 0x74, 0, 0])]);
  return { buffer, start: 3, end: 3 + part.length };
}

/** Verifies that an error of a custom parser becomes the cause of a ProtocolError, and ends the stream. */
function refuseValues(parts: Parts): void {
  let refusal: Error | undefined;
  const types: TypeParsers = {
    getTypeParser: () => (text) => {
      if (text.length % 2 === 0) return text;
      refusal = new Error('This parser takes no odd texts');
      throw refusal;
    },
  };
  const decoder = new PgoutputDecoder(types);
  for (const part of parts) {
    try {
      decoder.decode(part, 0, part.length);
      if (refusal) throw new BrokenRule('A parser threw, and a message came all the same');
    } catch (error) {
      protocolError(error);
      if (refusal && (error as ProtocolError).cause !== refusal) throw new BrokenRule('A parser threw something else');
      return;
    }
  }
}
