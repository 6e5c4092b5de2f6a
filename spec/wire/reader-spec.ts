import { constants } from 'node:buffer';
import { ProtocolError, ReplicationError } from '../../lib/common/errors';
import { Reader } from '../../lib/wire/reader';
import { captureError } from '../support/capture-error';

/** A reader within a larger buffer, so that reading beyond its end finds data. */
function readerOf(bytes: number[] | string): Reader {
  const body = typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes);
  return new Reader(
    Buffer.concat([Buffer.from([1, 2, 3]), body, Buffer.from([0, 65, 66, 67, 68, 69, 70, 71, 0])]),
    3,
    3 + body.length,
    'Insert message',
  );
}

const ACCESSES: [name: string, size: number, read: (reader: Reader) => unknown][] = [
  ['u8', 1, (reader) => reader.u8()],
  ['i16', 2, (reader) => reader.i16()],
  ['u16', 2, (reader) => reader.u16()],
  ['i32', 4, (reader) => reader.i32()],
  ['u32', 4, (reader) => reader.u32()],
  ['u64', 8, (reader) => reader.u64()],
  ['text', 5, (reader) => reader.text(5)],
  ['bytes', 5, (reader) => reader.bytes(5)],
  ['skip', 5, (reader) => reader.skip(5)],
];

describe('Reader', () => {
  it('reads consecutive fields and has the current offset', () => {
    const reader = readerOf([255, 255, 254, 128, 0, 255, 255, 255, 255, 128, 0, 0, 1]);
    expect(reader.u8()).toBe(255);
    expect(reader.i16()).toBe(-2);
    expect(reader.u16()).toBe(0x8000);
    expect(reader.offset).toBe(5);
    expect(reader.i32()).toBe(-1);
    expect(reader.remaining).toBe(4);
    expect(reader.u32()).toBe(0x8000_0001);
    expect(reader.remaining).toBe(0);
    expect(() => reader.finish()).not.toThrow();
  });

  it('reads unsigned 64-bit integers', () => {
    expect(readerOf([255, 255, 255, 255, 255, 255, 255, 254]).u64()).toBe(0xffff_ffff_ffff_fffen);
  });

  it('reads text', () => {
    const reader = readerOf('Grüße\0\0日本');
    expect(reader.cstring()).toBe('Grüße');
    expect(reader.cstring()).toBe('');
    expect(reader.offset).toBe(9);
    expect(reader.text(6)).toBe('日本');
  });

  it.each(ACCESSES)('%s reads exactly what is there, and nothing beyond the end', (_, size, read) => {
    for (let length = 0; length < size; length++) {
      const reader = readerOf(new Array<number>(length).fill(1));
      expect(() => read(reader)).toThrow(ProtocolError);
      expect(reader.offset).toBe(0);
    }
    const reader = readerOf(new Array<number>(size).fill(1));
    read(reader);
    expect(reader.remaining).toBe(0);
  });

  it('reports the message, the offset and what it expected', () => {
    const reader = readerOf([0, 0, 1]);
    reader.u16();
    expect(() => reader.u32()).toThrow(
      'Insert message: expected 4 bytes of an integer at byte 2, but only 1 byte remains',
    );
  });

  it('rejects text without a NUL byte, even if one follows the end', () => {
    expect(() => readerOf('abc').cstring()).toThrow(
      'Insert message: expected text that ends with a NUL byte at byte 0, but only 3 bytes remain',
    );
    expect(() => new Reader(Buffer.from('abc'), 0, 3, 'Type message').cstring()).toThrow(ProtocolError);
  });

  it.each([-1, -2147483648, NaN])('rejects a length of %d', (length) => {
    const reader = readerOf('abc');
    expect(() => reader.bytes(length)).toThrow(ProtocolError);
    expect(() => reader.text(length)).toThrow(ProtocolError);
    expect(() => reader.skip(length)).toThrow(ProtocolError);
    expect(reader.offset).toBe(0);
  });

  it('rejects text that exceeds the length of a string', () => {
    const reader = new Reader(
      Buffer.alloc(constants.MAX_STRING_LENGTH + 1),
      0,
      constants.MAX_STRING_LENGTH + 1,
      'Insert message',
    );
    const refusal = captureError(() => reader.text(constants.MAX_STRING_LENGTH + 1));
    // This is a limit of JavaScript, and not an error of the server.
    expect(refusal).toBeInstanceOf(ReplicationError);
    expect(refusal).not.toBeInstanceOf(ProtocolError);
    expect(refusal).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      retryable: false,
      message: expect.stringMatching(/^Insert message: a text at byte 0 is too long\. .*leave out messages: true/),
    });
  });

  it('returns copies', () => {
    const buffer = Buffer.from('secretrest');
    const reader = new Reader(buffer, 0, buffer.length, 'BackendKeyData message');
    const bytes = reader.bytes(6);
    const rest = reader.rest();
    buffer.fill(0);
    expect(bytes.toString()).toBe('secret');
    expect(rest.toString()).toBe('rest');
    expect(reader.rest()).toHaveLength(0);
  });

  it('passes the bytes of a value to its reader, and continues after them', () => {
    const buffer = Buffer.from('..value.');
    const reader = new Reader(buffer, 2, buffer.length, 'Insert message');
    const value = reader.value(5, (bytes, start, end) => ({ bytes, start, end }));
    expect(value).toEqual({ bytes: buffer, start: 2, end: 7 });
    expect(value.bytes).toBe(buffer);
    expect(reader.remaining).toBe(1);
    expect(reader.value(0, (_, start, end) => end - start)).toBe(0);
    expect(reader.remaining).toBe(1);
  });

  it.each([2, -1, NaN, 2 ** 31])('rejects a value of %d bytes if there is one', (length) => {
    const read = jest.fn();
    expect(() => readerOf('a').value(length, read)).toThrow(ProtocolError);
    expect(read).not.toHaveBeenCalled();
  });

  it('rejects trailing bytes', () => {
    const reader = readerOf([1, 2, 3]);
    reader.u8();
    expect(() => reader.finish()).toThrow(
      'Insert message: expected the end of the message at byte 1, but only 2 bytes remain',
    );
  });

  it('can be reset to another message', () => {
    const reader = readerOf('abc');
    reader.skip(2);
    reader.reset(Buffer.from([9, 9, 0, 5, 9]), 2, 4, 'Type message');
    expect(reader.offset).toBe(0);
    expect(reader.u16()).toBe(5);
    expect(() => reader.u8()).toThrow('Type message: expected 1 byte of an integer at byte 2, but only 0 bytes remain');
  });
});
