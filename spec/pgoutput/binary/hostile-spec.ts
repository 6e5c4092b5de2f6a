import fc from 'fast-check';
import { UnknownFormError } from '../../../lib/pgoutput/binary/value-text';
import { LimitError } from '../../../lib/pgoutput/values/value-limits';
import { TextError } from '../../../lib/wire/text';
import { BUILT_IN_TYPES } from '../../../lib/pgoutput/types/built-in-types';
import { i16, i32 } from './support/bytes';
import { SENT } from './support/sent';
import { shapesOf, decodeToText, createWriter } from './support/text-of';

const ROW = 1_000_000;
const definitions = shapesOf({ [ROW]: { kind: 'composite', attributes: [] } });

/** Types for which any bytes are valid. */
const ANY = ['bytea', 'name', 'text', 'json', 'xml'];
/** Types of which the beginning of a value may be valid, too. */
const PREFIXES = [...ANY, 'jsonb', 'jsonpath'];

/** Returns a text, or an Error of the library. An error of V8 would be a bug. */
function textOrError(type: string | number, bytes: Buffer): string | Error {
  try {
    return createWriter(type, definitions)(bytes, 0, bytes.length);
  } catch (error) {
    if (
      error instanceof UnknownFormError ||
      error instanceof TextError ||
      error instanceof LimitError ||
      (error instanceof Error && error.constructor === Error)
    )
      return error;
    throw error;
  }
}

describe('hostile bytes', () => {
  const samples = SENT.map(([type, hex]) => ({ type, bytes: Buffer.from(hex, 'hex') }));

  it.each(samples.filter(({ type }) => !PREFIXES.includes(type)))(
    'of type $type are an Error if they are too short or too long',
    ({ type, bytes }) => {
      for (let length = 0; length < bytes.length; length++)
        expect(textOrError(type, bytes.subarray(0, length))).toBeInstanceOf(Error);
      expect(textOrError(type, Buffer.concat([bytes, Buffer.from([0])]))).toBeInstanceOf(Error);
    },
  );

  it('are an Error, or a text of moderate length, if bytes of a value are changed', () => {
    const change = fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255)));
    const property = fc.property(
      fc.constantFrom(...samples),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      ({ type, bytes }, changes) => {
        const changed = Buffer.from(bytes);
        for (const [at, byte] of changes) if (changed.length > 0) changed[at % changed.length] = byte;
        const outcome = textOrError(type, changed);
        // A numeric has the longest text for its bytes.
        return typeof outcome !== 'string' || outcome.length < 200_000;
      },
    );
    fc.assert(property, { numRuns: 20_000 });
  });

  it('are an Error or a text for every type if they are random', () => {
    const oids = [...BUILT_IN_TYPES.values(), ROW];
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc
        .array(fc.constantFrom(0, 0, 0, 1, 2, 3, 4, 23, 25, 0xff), { maxLength: 80 })
        .map((bytes) => Uint8Array.from(bytes)),
    );
    const property = fc.property(
      fc.constantFrom(...oids),
      garbage,
      (oid, bytes) => void textOrError(oid, Buffer.from(bytes)),
    );
    fc.assert(property, { numRuns: 20_000 });
  });

  it.each([
    ['bool', Buffer.from([2]), 'neither 0 nor 1'],
    ['jsonb', Buffer.from([2, 0x31]), 'the format version is not 1'],
    ['jsonb', Buffer.alloc(0), 'the format version is not 1'],
    ['inet', Buffer.from([4, 32, 0, 4, 1, 2, 3, 4]), 'unknown address family 4'],
    ['inet', Buffer.from([2, 33, 0, 4, 1, 2, 3, 4]), 'mask has 33 bits'],
    ['inet', Buffer.from([2, 32, 0, 3, 1, 2, 3]), 'the address has 3 bytes'],
    ['inet', Buffer.from([3, 32, 0, 4, 1, 2, 3, 4]), 'the address has 4 bytes'],
    ['varbit', i32(-1), 'the bit string declares -1 bits'],
    ['varbit', Buffer.concat([i32(-1), Buffer.alloc(4)]), 'the bit string declares -1 bits'],
    ['varbit', Buffer.concat([i32(2_147_483_647), Buffer.alloc(4)]), 'expected 268435456 bytes'],
    ['path', Buffer.concat([Buffer.from([1]), i32(2_147_483_647)]), 'the value declares 2147483647 items'],
    ['polygon', i32(-1), 'the value declares -1 items'],
    ['pg_snapshot', Buffer.concat([i32(2_147_483_647), Buffer.alloc(16)]), 'expected 17179869176 bytes'],
    ['tsvector', i32(2_147_483_647), 'the value declares 2147483647 items'],
    ['tsvector', Buffer.concat([i32(1), Buffer.from('abcdef')]), 'the text at byte 4 has no terminating NUL byte'],
    ['tsvector', Buffer.concat([i32(1), Buffer.from('a\0'), i16(-1)]), 'expected 2 bytes'],
    ['tsquery', i32(2_147_483_647), 'the value declares 2147483647 items'],
    ['tsquery', Buffer.concat([i32(1), Buffer.from([3, 0])]), 'unknown item type 3 of a tsquery'],
    ['tsquery', Buffer.concat([i32(1), Buffer.from([2, 5])]), 'unknown operator 5'],
    ['tsquery', Buffer.concat([i32(1), Buffer.from([2, 1])]), 'an operator without operands'],
    [
      'tsquery',
      Buffer.concat([i32(2), Buffer.from([1, 0, 0, 0x61, 0, 1, 0, 0, 0x62, 0])]),
      'an operand without an operator',
    ],
    [
      'int2vector',
      Buffer.concat([i32(2), i32(0), i32(21), i32(1), i32(1), i32(1), i32(1), i32(2), i16(1)]),
      'more than one dimension',
    ],
  ])('of type %s are an Error that states the problem: %#', (type, bytes, message) => {
    expect(() => decodeToText(type, bytes)).toThrow(new RegExp(message));
  });

  it('do not overflow the stack in a tsquery of any depth', () => {
    const nots = (depth: number): Buffer =>
      Buffer.concat([i32(depth + 1), Buffer.alloc(2 * depth, Buffer.from([2, 1])), Buffer.from([1, 0, 0, 0x61, 0])]);
    const text = decodeToText('tsquery', nots(200_000));
    expect(text).toHaveLength(200_003);
    expect(text.slice(-4)).toBe("!'a'");
    expect(() => decodeToText('tsquery', nots(1_000_001))).toThrow('the tsquery has more than 1000000 levels');
  });

  it.each([
    ['bytea', Buffer.alloc(2 ** 28)],
    ['varbit', Buffer.concat([i32(2 ** 30 - 8), Buffer.alloc(2 ** 27 - 1)])],
  ])('of type %s are an Error if their text exceeds the length of a string', (type, bytes) => {
    const write = createWriter(type);
    expect(() => write(bytes, 0, bytes.length)).toThrow(/the text would have \d+ characters; the maximum is \d+/);
  });
});
