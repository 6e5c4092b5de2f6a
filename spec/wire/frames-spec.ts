import fc from 'fast-check';
import { ProtocolError } from '../../lib/common/errors';
import { FrameDecoder } from '../../lib/wire/frames';
import { captureError } from '../support/capture-error';

function frame(tag: string, body: Buffer | string): Buffer {
  const bytes = Buffer.from(body);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length + 4);
  return Buffer.concat([Buffer.from(tag), length, bytes]);
}

/** A header without the body that it declares. */
function header(tag: number, length: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt8(tag);
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

/** The frames that are available, as text for comparison. */
function drain(decoder: FrameDecoder): string[] {
  const frames: string[] = [];
  while (decoder.next()) frames.push(current(decoder));
  return frames;
}

function current({ tag, buffer, start, end }: FrameDecoder): string {
  return `${String.fromCharCode(tag)}:${buffer.toString('hex', start, end)}`;
}

/** Authentication, one row and the start of a stream, as the server sends them. */
const SESSION = [
  frame('R', Buffer.from([0, 0, 0, 0])),
  frame('S', 'server_version\x0018.4\0'),
  frame('S', 'client_encoding\0UTF8\0'),
  frame('K', Buffer.from([0, 0, 1, 2, 9, 8, 7, 6])),
  frame('Z', 'I'),
  frame('T', Buffer.concat([Buffer.from('\0\x01systemid\0'), Buffer.alloc(18)])),
  frame('D', Buffer.from('\0\x01\0\0\0\x0512345')),
  frame('C', 'IDENTIFY_SYSTEM\0'),
  frame('W', Buffer.from([0, 0, 0])),
  frame('d', Buffer.concat([Buffer.from('k'), Buffer.alloc(17)])),
  frame('d', Buffer.concat([Buffer.from('w'), Buffer.alloc(24), Buffer.from('a payload')])),
  frame('I', ''),
];
const BYTES = Buffer.concat(SESSION);
const EXPECTED = SESSION.map((bytes) => `${bytes.toString('latin1', 0, 1)}:${bytes.toString('hex', 5)}`);

describe('FrameDecoder', () => {
  it('finds every frame in one chunk', () => {
    const decoder = new FrameDecoder();
    decoder.push(Buffer.from(BYTES));
    expect(drain(decoder)).toEqual(EXPECTED);
  });

  it('finds the same frames wherever the stream is split', () => {
    for (let split = 0; split <= BYTES.length; split++) {
      const decoder = new FrameDecoder();
      decoder.push(BYTES.subarray(0, split));
      const frames = drain(decoder);
      decoder.push(BYTES.subarray(split));
      frames.push(...drain(decoder));
      expect({ split, frames }).toEqual({ split, frames: EXPECTED });
    }
  });

  it('finds the same frames wherever a short stream is split twice', () => {
    const bytes = Buffer.concat([frame('Z', 'I'), frame('I', ''), frame('d', 'stream'), frame('c', '')]);
    const expected = ['Z:49', 'I:', `d:${Buffer.from('stream').toString('hex')}`, 'c:'];
    for (let first = 0; first <= bytes.length; first++) {
      for (let second = first; second <= bytes.length; second++) {
        const decoder = new FrameDecoder();
        const frames: string[] = [];
        for (const chunk of [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)]) {
          decoder.push(chunk);
          frames.push(...drain(decoder));
        }
        expect({ first, second, frames }).toEqual({ first, second, frames: expected });
      }
    }
  });

  it.each([
    ['checking after each piece', true],
    ['checking at the end', false],
  ])('finds the same frames byte by byte, %s', (_, eager) => {
    const decoder = new FrameDecoder();
    const frames: string[] = [];
    for (const byte of BYTES) {
      decoder.push(Buffer.from([byte]));
      if (eager) frames.push(...drain(decoder));
    }
    frames.push(...drain(decoder));
    expect(frames).toEqual(EXPECTED);
  });

  it('supports any frames in any chunks, read immediately or later', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
        fc.array(fc.tuple(fc.nat(30), fc.boolean())),
        (bodies, cuts) => {
          const bytes = Buffer.concat(bodies.map((body) => frame('d', Buffer.from(body))));
          const decoder = new FrameDecoder();
          const frames: string[] = [];
          let at = 0;
          for (const [size, eager] of cuts) {
            decoder.push(bytes.subarray(at, at + size));
            at = Math.min(at + size, bytes.length);
            if (eager) frames.push(...drain(decoder));
          }
          decoder.push(bytes.subarray(at));
          frames.push(...drain(decoder));
          expect(frames).toEqual(bodies.map((body) => `d:${Buffer.from(body).toString('hex')}`));
        },
      ),
    );
  });

  it('can stop within a chunk and continue there, also after another push', () => {
    const decoder = new FrameDecoder();
    decoder.push(Buffer.concat([frame('d', 'one'), frame('d', 'two'), frame('d', 'three').subarray(0, 6)]));
    expect(decoder.next()).toBe(true);
    decoder.push(Buffer.concat([frame('d', 'three').subarray(6), frame('d', 'four')]));
    const bodies = [body(decoder)];
    while (decoder.next()) bodies.push(body(decoder));
    expect(bodies).toEqual(['one', 'two', 'three', 'four']);
  });

  it('keeps the current frame while more data is pushed', () => {
    const decoder = new FrameDecoder();
    decoder.push(Buffer.from('d\0\0'));
    decoder.push(Buffer.from('\0\x0ahello'));
    expect(decoder.next()).toBe(false);
    decoder.push(Buffer.from('!'));
    expect(decoder.next()).toBe(true);
    decoder.push(frame('d', 'other!'));
    expect(body(decoder)).toBe('hello!');
  });

  it('refers to the chunk that contains a whole frame, without copying', () => {
    const decoder = new FrameDecoder();
    const chunk = Buffer.concat([frame('d', 'one'), frame('d', 'two')]);
    decoder.push(chunk);
    decoder.next();
    decoder.next();
    expect(decoder.buffer).toBe(chunk);
    expect([decoder.start, decoder.end]).toEqual([13, 16]);
  });

  it('releases a consumed chunk', () => {
    const decoder = new FrameDecoder();
    decoder.push(frame('d', 'one'));
    decoder.next();
    expect(decoder.next()).toBe(false);
    expect(decoder.buffer).toHaveLength(0);
  });

  it('assembles an 80 MB frame from 64 KB chunks without copying it repeatedly', () => {
    const payload = Buffer.alloc(80 * 1024 * 1024, 7);
    const bytes = Buffer.concat([frame('d', payload), frame('Z', 'I')]);
    const copied = jest.spyOn(Buffer.prototype, 'copy');
    try {
      const decoder = new FrameDecoder();
      let found = 0;
      for (let at = 0; at < bytes.length; at += 65536) {
        decoder.push(bytes.subarray(at, at + 65536));
        while (decoder.next()) {
          found += 1;
          if (found === 1)
            expect(decoder.buffer.compare(payload, 0, payload.length, decoder.start, decoder.end)).toBe(0);
        }
      }
      expect(found).toBe(2);
      const total = copied.mock.results.reduce((sum, { value }) => sum + Number(value), 0);
      expect(total).toBeGreaterThanOrEqual(payload.length);
      expect(total).toBeLessThan(3 * payload.length);
    } finally {
      copied.mockRestore();
    }
  });

  it('accepts a million unread chunks of one byte', () => {
    const decoder = new FrameDecoder();
    const bytes = frame('d', Buffer.alloc(1_000_000, 1));
    for (let at = 0; at < bytes.length; at++) decoder.push(bytes.subarray(at, at + 1));
    expect(decoder.next()).toBe(true);
    expect(decoder.end - decoder.start).toBe(1_000_000);
  });

  describe('with a hostile length', () => {
    const cases: [length: number, tag: number, shown: string][] = [
      [0, 0x64, "'d'"],
      [1, 0x52, "'R'"],
      [2, 0x00, '0x00'],
      [3, 0xff, '0xff'],
      [0x7fff_ffff, 0x64, "'d'"],
      [0x8000_0000, 0x64, "'d'"],
      [0xffff_ffff, 0x48, "'H'"],
    ];

    it.each(cases)('rejects %d as soon as the header is received', (length, tag, shown) => {
      const decoder = new FrameDecoder();
      decoder.push(header(tag, length).subarray(0, 4));
      expect(decoder.next()).toBe(false);
      decoder.push(header(tag, length).subarray(4));
      const said = `A message of type ${shown} declares a length of ${length} bytes; expected 4 to `;
      expect(() => decoder.next()).toThrow(ProtocolError);
      expect(() => decoder.next()).toThrow(said);
    });

    it('rejects it in one chunk after a valid frame', () => {
      const decoder = new FrameDecoder();
      decoder.push(Buffer.concat([frame('Z', 'I'), header(0x64, 3), Buffer.alloc(20)]));
      expect(decoder.next()).toBe(true);
      expect(() => decoder.next()).toThrow(ProtocolError);
    });

    it('accepts the limit itself and rejects one more, in any chunks', () => {
      for (const split of [0, 2, 5, 7]) {
        for (const [size, fits] of [
          [100, true],
          [101, false],
        ] as const) {
          const decoder = new FrameDecoder(100);
          const bytes = frame('E', Buffer.alloc(size - 4));
          decoder.push(bytes.subarray(0, split));
          decoder.push(bytes.subarray(split));
          if (fits) expect(decoder.next()).toBe(true);
          else expect(() => decoder.next()).toThrow('length of 101 bytes; expected 4 to 100');
        }
      }
    });

    it('applies a limit that was raised after authentication', () => {
      const decoder = new FrameDecoder(10);
      decoder.push(Buffer.concat([frame('R', 'Ok'), frame('d', Buffer.alloc(1000))]));
      expect(decoder.next()).toBe(true);
      decoder.limit = 2000;
      expect(decoder.next()).toBe(true);
      expect(decoder.end - decoder.start).toBe(1000);
    });

    it('reports a limit of the client, with a remedy, if PostgreSQL may send such a message', () => {
      const errorAt = (length: number): unknown => {
        const decoder = new FrameDecoder(1000);
        decoder.remedy = 'Raise the limit.';
        decoder.push(header(0x64, length));
        return captureError(() => decoder.next());
      };
      for (const length of [1001, 0x3fff_ffff + 4])
        expect(errorAt(length)).toMatchObject({ code: 'LIMIT_EXCEEDED', remedy: 'Raise the limit.' });
      for (const length of [3, 0x3fff_ffff + 5, 0xffff_ffff])
        expect(errorAt(length)).toMatchObject({
          code: 'PROTOCOL_VIOLATION',
          remedy: expect.stringContaining('is that of a PostgreSQL server'),
        });
    });

    it('accepts the largest message of PostgreSQL and no larger one by default', () => {
      const largest = new FrameDecoder();
      largest.push(header(0x64, 0x3fff_ffff + 4));
      expect(largest.next()).toBe(false);
      const larger = new FrameDecoder();
      larger.push(header(0x64, 0x3fff_ffff + 5));
      expect(() => larger.next()).toThrow(ProtocolError);
    });

    it('allocates no memory for a declared gigabyte before it is received', () => {
      const allocated = jest.spyOn(Buffer, 'allocUnsafeSlow');
      try {
        const decoder = new FrameDecoder();
        decoder.push(header(0x64, 1024 ** 3));
        expect(decoder.next()).toBe(false);
        decoder.push(Buffer.alloc(100_000));
        expect(decoder.next()).toBe(false);
        const sizes = allocated.mock.calls.map(([size]) => size);
        expect(sizes.length).toBeGreaterThan(0);
        expect(Math.max(...sizes)).toBeLessThan(300_000);
      } finally {
        allocated.mockRestore();
      }
    });
  });
});

function body({ buffer, start, end }: FrameDecoder): string {
  return buffer.toString('latin1', start, end);
}
