import { inspect } from 'node:util';
import { type ProtocolError } from '../../../lib/common/errors';
import { PgoutputDecoder } from '../../../lib/pgoutput/decode/decoder';
import type { AnyPgoutputMessage } from '../../../lib/pgoutput/messages/messages';
import { getRawChange } from '../../../lib/pgoutput/messages/raw-change';
import { RawChangeDecoder } from '../../../lib/pgoutput/decode/raw-change-decoder';
import { defaultTypes, type TypeParsers } from '../../../lib/pgoutput/values/values';
import {
  buildBegin,
  buildBeginPrepare,
  buildCommit,
  buildCommitPrepared,
  buildDelete,
  buildInsert,
  buildLogicalMessage,
  buildOrigin,
  buildPrepare,
  buildRelation,
  buildRollbackPrepared,
  buildStreamAbort,
  buildStreamCommit,
  buildStreamPrepare,
  buildTruncate,
  buildType,
  UNCHANGED,
  buildUpdate,
} from '../../../lib/testing/payloads';
import { block, firstBlock } from '../../pgoutput/support/blocks';
import type { Parts } from '../case';
import { expectSame, protocolError, describeOutcome } from '../outcome';
import { BrokenRule, type Target } from '../target';

const OTHER = 16390;
const DOMAIN = 20001;

const ROWS: Parts = [
  buildBegin(),
  buildRelation(),
  buildInsert(['1', 'Grüße']),
  buildUpdate(['2', null]),
  buildUpdate(['2', UNCHANGED], { key: ['1', null] }),
  buildDelete({ key: ['2', null] }),
  buildTruncate({ cascade: true }),
  buildCommit(),
];
const FULL: Parts = [
  buildType(20000, 'mood'),
  buildType(DOMAIN, 'int4', ''),
  buildBegin({ commitLsn: 0x200n }),
  buildOrigin('elsewhere', 7n),
  buildRelation({
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
  buildInsert(['long', 'p', '7', '{"a":[1]}', '{1,NULL}'], OTHER),
  buildUpdate([UNCHANGED, UNCHANGED, '8', null, '{}'], { old: ['long', 'p', '7', '1', '{{1},{2}}'] }, OTHER),
  buildUpdate(['a', null, '8', '[]', '{}'], undefined, OTHER),
  buildDelete({ old: ['a', null, '8', '[]', '[0:1]={1,2}'] }, OTHER),
  // The table has lost columns.
  buildRelation({ oid: OTHER, schema: 'billing', name: 'invoices', identity: 'n', columns: ['a'] }),
  buildInsert(['short'], OTHER),
  buildCommit({ commitLsn: 0x200n }),
];
const MESSAGES: Parts = [
  buildLogicalMessage({ transactional: false }),
  buildBegin({ commitLsn: 0x300n }),
  buildLogicalMessage({ content: Buffer.from([0, 255, 128]) }),
  buildRelation(),
  buildRelation({ oid: OTHER, schema: '', name: 'pg_class', identity: 'i', columns: [] }),
  buildTruncate({ oids: [16384, OTHER], restartIdentity: true }),
  buildInsert([], OTHER),
  buildCommit({ commitLsn: 0x300n }),
];
/** Two interleaved transactions that describe one table differently, and are partly aborted. */
const STREAMED: Parts = [
  ...firstBlock(700, buildOrigin('elsewhere'), buildRelation(), buildInsert(['1', 'Grüße']), [
    701,
    buildUpdate(['2', UNCHANGED]),
  ]),
  ...firstBlock(
    800,
    buildType(DOMAIN, 'int4', ''),
    buildRelation({ columns: ['b', { name: '__proto__', typeOid: DOMAIN }] }),
    buildInsert(['x', '7']),
  ),
  buildStreamAbort({ xid: 700, subxid: 701 }),
  buildLogicalMessage({ transactional: false }),
  ...block(
    700,
    buildRelation(),
    buildDelete({ key: ['1', null] }),
    buildTruncate({ oids: [16384, 16384] }),
    buildLogicalMessage(),
  ),
  buildStreamCommit({ xid: 800, commitLsn: 0x400n }),
  ...ROWS,
  buildStreamCommit({ xid: 700, commitLsn: 0x500n }),
];
const TWO_PHASE: Parts = [
  ...firstBlock(900, buildRelation(), buildInsert(['1', 'a'])),
  buildBeginPrepare({ xid: 901, gid: 'Grüße' }),
  buildRelation(),
  buildInsert(['2', null]),
  buildPrepare({ xid: 901, gid: 'Grüße' }),
  buildStreamPrepare({ xid: 900, gid: '' }),
  buildCommitPrepared({ xid: 901, gid: 'Grüße' }),
  buildRollbackPrepared({ xid: 900, gid: '' }),
];
const PARALLEL: Parts = [
  ...firstBlock(700, buildRelation(), buildInsert(['1', 'a'])),
  buildStreamAbort({ xid: 700, subxid: 705, abortLsn: 0x77n }),
  buildStreamAbort({ xid: 700, abortLsn: 0x78n }),
];
const BINARY: Parts = [
  ...firstBlock(700, buildRelation(), buildInsert([Buffer.of(0, 0, 0, 1), Buffer.from('Grüße')])),
  buildStreamCommit({ xid: 700 }),
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
