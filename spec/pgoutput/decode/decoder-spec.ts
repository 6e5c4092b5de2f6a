import fc from 'fast-check';
import { ProtocolError } from '../../../lib/common/errors';
import { PgoutputDecoder } from '../../../lib/pgoutput/decode/decoder';
import { ValueError } from '../../../lib/pgoutput/values/value-error';
import { Message } from '../../../lib/pgoutput/messages/message';
import { defaultTypes } from '../../../lib/pgoutput/values/values';
import { block, firstBlock } from '../support/blocks';
import { decodeAny, decodeError } from '../support/decode';
import { TABLE } from '../../../lib/testing/defaults';
import * as payloads from '../../../lib/testing/payloads';
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
  buildUpdate,
} from '../../../lib/testing/payloads';

const columns = [
  { name: 'id', key: true, typeOid: 23 },
  { name: 'tags', typeOid: 1009 },
  { name: 'body', typeOid: 114 },
  { name: 'scan', typeOid: 17 },
  { name: 'at', typeOid: 1184 },
];
const row = ['1', '{a,"b c"}', '{"a": [1, 2]}', '\\x00ff', '2024-02-29 12:34:56.789+00'];
const untouched: payloads.Tuple = ['2', payloads.UNCHANGED, null, payloads.UNCHANGED, null];

/** Every kind of message and tuple that a transaction may have. */
const content = [
  buildOrigin('node'),
  buildType(16500, 'mood'),
  buildRelation({ columns }),
  buildInsert(row),
  buildUpdate(untouched),
  buildUpdate(untouched, { key: row }),
  buildUpdate(untouched, { old: row }),
  buildDelete({ key: row }),
  buildDelete({ old: row }),
  buildTruncate({ oids: [TABLE, TABLE] }),
  buildLogicalMessage(),
];
/** A stream with every kind of message. */
const stream = [
  buildLogicalMessage({ transactional: false }),
  buildBegin(),
  ...content,
  buildCommit(),
  ...firstBlock(800),
  ...firstBlock(700, ...content),
  // Another spec covers the LSN and time of aborts in parallel streaming, which are optional.
  buildStreamAbort({ xid: 700, subxid: 701 }),
  ...block(700, [702, buildInsert(row)]),
  buildStreamCommit({ xid: 700 }),
  buildStreamPrepare({ xid: 800 }),
  buildBeginPrepare(),
  buildInsert(row),
  buildPrepare(),
  buildCommitPrepared(),
  buildRollbackPrepared(),
];
const IN_TRANSACTION = 5;
const IN_BLOCK = stream.findIndex((payload) => payload.toString('latin1', 0, 1) === 'S') + 3;

/** A decoder that has decoded the stream up to its message number `count`. */
function decoderAt(count: number): PgoutputDecoder {
  const decoder = new PgoutputDecoder(defaultTypes);
  for (const payload of stream.slice(0, count)) decoder.decode(payload, 0, payload.length);
  return decoder;
}

const eachPayload = stream.map((payload, at) => [payload.toString('latin1', 0, 1), at, payload] as const);

describe('the decoder', () => {
  it('reads a payload within a larger buffer', () => {
    const around = Buffer.alloc(3, 0x42);
    const decoder = new PgoutputDecoder(defaultTypes);
    const messages = stream.map((payload) =>
      decoder.decode(Buffer.concat([around, payload, around]), around.length, around.length + payload.length),
    );
    expect(messages).toStrictEqual(decodeAny(stream));
  });

  it('emits nothing that is a view of the buffer', () => {
    const decoder = new PgoutputDecoder(defaultTypes);
    const messages = stream.map((payload) => {
      const buffer = Buffer.from(payload);
      const message = decoder.decode(buffer, 0, buffer.length);
      buffer.fill(0xee);
      return message;
    });
    expect(messages).toStrictEqual(decodeAny(stream));
  });

  it('rejects an unknown tag, and an empty payload', () => {
    expect(decodeError([Buffer.from('?')]).message).toContain("the tag of a message at byte 0, found '?'");
    expect(decodeError([Buffer.of(0x80)]).message).toContain('the tag of a message at byte 0, found 0x80');
    expect(decodeError([Buffer.alloc(0)]).message).toMatch(/^pgoutput payload: expected .* at byte 0/);
  });
});

describe('invalid bytes', () => {
  it.each(eachPayload)('%s (number %i) truncated at any byte is a ProtocolError', (_, at, payload) => {
    for (let end = 0; end < payload.length; end++) {
      // Once followed by the rest of the payload, which must not be read, and once by nothing.
      expect(() => decoderAt(at).decode(payload, 0, end)).toThrow(ProtocolError);
      expect(() => decoderAt(at).decode(payload.subarray(0, end), 0, end)).toThrow(ProtocolError);
    }
  });

  it.each(eachPayload)('%s (number %i) with an additional byte is a ProtocolError', (_, at, payload) => {
    const longer = Buffer.concat([payload, Buffer.of(0)]);
    expect(() => decoderAt(at).decode(longer, 0, longer.length)).toThrow(/at byte \d+/);
    expect(() => decoderAt(at).decode(longer, 0, longer.length)).toThrow(ProtocolError);
  });

  it('never cause anything but a message, a ProtocolError or a ValueError', () => {
    const mutation = fc.record({ at: fc.nat({ max: 10_000 }), byte: fc.nat({ max: 255 }) });
    const property = fc.property(
      fc.nat({ max: stream.length - 1 }),
      fc.array(mutation, { minLength: 1, maxLength: 6 }),
      (at, mutations) => {
        const payload = Buffer.from(stream[at] ?? []);
        for (const { at, byte } of mutations) payload[at % payload.length] = byte;
        expectMessageOrError(decoderAt(at), payload);
      },
    );
    fc.assert(property, { numRuns: 3000 });
  });

  it('never cause anything else, if random after the tag', () => {
    const tag = fc.constantFrom(...'BCORYIUDTMSEcApbPKr');
    const place = fc.constantFrom(0, IN_TRANSACTION, IN_BLOCK);
    const property = fc.property(tag, place, fc.uint8Array({ maxLength: 64 }), (tag, at, fields) => {
      expectMessageOrError(decoderAt(at), payloads.buildPayload(tag, Buffer.from(fields)));
    });
    fc.assert(property, { numRuns: 3000 });
  });
});

function expectMessageOrError(decoder: PgoutputDecoder, payload: Buffer): void {
  let outcome: unknown;
  try {
    outcome = decoder.decode(payload, 0, payload.length);
  } catch (error) {
    outcome = error;
  }
  const isExpected = outcome instanceof Message || outcome instanceof ProtocolError || outcome instanceof ValueError;
  expect(isExpected ? undefined : outcome).toBeUndefined();
}
