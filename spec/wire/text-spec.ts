import fc from 'fast-check';
import { utf8 } from '../../lib/wire/text';

/** As long as what is taken character by character, and longer. */
const LENGTHS = Array.from({ length: 41 }, (_, length) => length);

/** Reads the bytes where they stand between others. */
function between(bytes: Uint8Array, around: Buffer = Buffer.from('\xff"ß')): string {
  const whole = Buffer.concat([around, bytes, around]);
  return utf8(whole, around.length, around.length + bytes.length);
}

describe('utf8', () => {
  it.each(LENGTHS)('reads %i characters of ASCII as they are', (length) => {
    const property = fc.property(fc.uint8Array({ minLength: length, maxLength: length, max: 0x7f }), (bytes) => {
      expect(between(bytes)).toBe(Buffer.from(bytes).toString());
      expect(between(bytes)).toHaveLength(length);
    });
    fc.assert(property, { numRuns: 50 });
  });

  it.each(LENGTHS.slice(1))('sees one byte among %i that is not ASCII, wherever it stands', (length) => {
    for (let at = 0; at < length; at++) {
      for (const byte of [0x80, 0xc3, 0xff]) {
        const bytes = Buffer.alloc(length, 'a');
        bytes[at] = byte;
        expect(between(bytes)).toBe(bytes.toString());
      }
    }
  });

  it('reads text of every script', () => {
    const text = fc.string({ unit: 'binary', maxLength: 40, size: 'max' });
    fc.assert(
      fc.property(text, (written) => {
        expect(between(Buffer.from(written))).toBe(written);
      }),
      { numRuns: 2000 },
    );
  });

  it('puts U+FFFD for what is no UTF-8, as Buffer does', () => {
    const byte = fc.oneof(fc.nat(0xff), fc.constantFrom(0x41, 0x80, 0xbf, 0xc0, 0xc3, 0xe0, 0xed, 0xef, 0xf0, 0xf4));
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 40, size: 'max' }), (bytes) => {
        expect(between(Buffer.from(bytes))).toBe(Buffer.from(bytes).toString());
      }),
      { numRuns: 5000 },
    );
  });

  it('keeps a NUL and a byte order mark', () => {
    expect(between(Buffer.from('a\0b'))).toBe('a\0b');
    expect(between(Buffer.from('\ufeffa'))).toBe('\ufeffa');
  });
});
