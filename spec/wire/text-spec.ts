import { constants } from 'node:buffer';
import fc from 'fast-check';
import { decodeUtf8SurrogateEscape, TextError, decodeUtf8 } from '../../lib/wire/text';

/** Around the length up to which text is decoded by character, and longer. */
const LENGTHS = Array.from({ length: 41 }, (_, length) => length);

/** Decodes the bytes within a larger buffer. */
function between(bytes: Uint8Array, read = decodeUtf8, around: Buffer = Buffer.from('\xff"ß')): string {
  const whole = Buffer.concat([around, bytes, around]);
  return read(whole, around.length, around.length + bytes.length);
}

describe('utf8', () => {
  it.each(LENGTHS)('decodes %i ASCII characters', (length) => {
    const property = fc.property(fc.uint8Array({ minLength: length, maxLength: length, max: 0x7f }), (bytes) => {
      expect(between(bytes)).toBe(Buffer.from(bytes).toString());
      expect(between(bytes)).toHaveLength(length);
    });
    fc.assert(property, { numRuns: 50 });
  });

  it.each(LENGTHS.slice(1))('detects one non-ASCII byte among %i, at any position', (length) => {
    for (let at = 0; at < length; at++) {
      for (const byte of [0x80, 0xc3, 0xff]) {
        const bytes = Buffer.alloc(length, 'a');
        bytes[at] = byte;
        expect(() => between(bytes)).toThrow(TextError);
      }
    }
  });

  it('decodes text of every script', () => {
    const text = fc.string({ unit: 'binary', maxLength: 40, size: 'max' });
    fc.assert(
      fc.property(text, (written) => {
        expect(between(Buffer.from(written))).toBe(written);
      }),
      { numRuns: 2000 },
    );
  });

  it('throws for invalid UTF-8, and for nothing else', () => {
    const byte = fc.oneof(fc.nat(0xff), fc.constantFrom(0x41, 0x80, 0xbf, 0xc0, 0xc3, 0xe0, 0xed, 0xef, 0xf0, 0xf4));
    const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 40, size: 'max' }), (values) => {
        const bytes = Buffer.from(values);
        let expected: string | undefined;
        try {
          expected = strict.decode(bytes);
        } catch {
          expect(() => between(bytes)).toThrow('The text is not valid UTF-8');
          return;
        }
        expect(between(bytes)).toBe(expected);
      }),
      { numRuns: 5000 },
    );
  });

  it('decodes U+FFFD if the text contains it', () => {
    expect(between(Buffer.from('a\ufffdb'))).toBe('a\ufffdb');
    expect(between(Buffer.from(`a\ufffd${'b'.repeat(40)}`))).toBe(`a\ufffd${'b'.repeat(40)}`);
  });

  it('reports more characters than a string can have as the limit of strings', () => {
    const bytes = Buffer.alloc(constants.MAX_STRING_LENGTH + 1, 'a');
    expect(() => decodeUtf8(bytes, 0, bytes.length)).toThrow(
      `The text of ${bytes.length} bytes exceeds ${constants.MAX_STRING_LENGTH} characters`,
    );
  });

  it('keeps a NUL and a byte order mark', () => {
    expect(between(Buffer.from('a\0b'))).toBe('a\0b');
    expect(between(Buffer.from('\ufeffa'))).toBe('\ufeffa');
  });
});

describe('escapedUtf8', () => {
  it('decodes valid UTF-8', () => {
    expect(between(Buffer.from('grüße, 世界 🐘'), decodeUtf8SurrogateEscape)).toBe('grüße, 世界 🐘');
  });

  it('replaces each invalid byte by the lone surrogate U+DC00 + byte', () => {
    expect(between(Buffer.from('caf\xe9 ', 'latin1'), decodeUtf8SurrogateEscape)).toBe('caf\udce9 ');
    expect(between(Buffer.from([0xe4, 0xb8, 0x61, 0xe4, 0xb8, 0x96]), decodeUtf8SurrogateEscape)).toBe(
      '\udce4\udcb8a世',
    );
  });

  it('distinguishes names that differ only in such bytes', () => {
    const bytes = fc.uint8Array({ maxLength: 8, size: 'max' });
    fc.assert(
      fc.property(bytes, bytes, (one, other) => {
        const isSame = Buffer.compare(one, other) === 0;
        expect(between(one, decodeUtf8SurrogateEscape) === between(other, decodeUtf8SurrogateEscape)).toBe(isSame);
      }),
      { numRuns: 2000 },
    );
  });
});
