import { ReceiveBuffer } from '../../lib/net/receive-buffer';

/** Simulates Node: writes into the buffer, and reports the number of bytes. */
function read(buffer: ReceiveBuffer, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) {
    const copied = bytes.copy(buffer.nextReadBuffer(), 0, at);
    buffer.commitRead(copied);
    at += copied;
  }
}

/** Bytes that depend on their position. */
function counted(length: number, from = 0): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => ((from + i) * 31) % 251));
}

describe('ReceiveBuffer', () => {
  it('returns the data of several reads as one chunk', () => {
    const buffer = new ReceiveBuffer();
    read(buffer, counted(10));
    buffer.append(counted(20, 10));
    expect(buffer.take()).toEqual([counted(30)]);
    expect(buffer.take()).toEqual([]);
  });

  it('always has space for 128 KiB', () => {
    const buffer = new ReceiveBuffer();
    for (let i = 0; i < 100; i++) {
      expect(buffer.nextReadBuffer().length).toBeGreaterThanOrEqual(128 * 1024);
      read(buffer, counted(10_000));
    }
  });

  it.each([1, 1000, 65_536, 262_144, 1_000_000])('keeps all bytes in order, in reads of %i bytes', (size) => {
    const buffer = new ReceiveBuffer();
    const all = counted(2_000_000);
    const taken: Buffer[] = [];
    for (let at = 0, n = 0; at < all.length; at += size) {
      const chunk = all.subarray(at, at + size);
      if (n++ % 2) read(buffer, chunk);
      else buffer.append(chunk);
      if (n % 7 === 0) taken.push(...buffer.take());
      // A thousandth of the data is enough for the smallest reads.
      if (size === 1 && n === 2000) break;
    }
    taken.push(...buffer.take());
    const whole = Buffer.concat(taken);
    expect(whole.equals(all.subarray(0, whole.length))).toBe(true);
    expect(whole).toHaveLength(size === 1 ? 2000 : all.length);
  });

  it('never writes to a chunk that it has returned', () => {
    const buffer = new ReceiveBuffer();
    const given: { piece: Buffer; copy: Buffer }[] = [];
    for (let i = 0; i < 300; i++) {
      read(buffer, counted(5000, i));
      for (const piece of buffer.take()) given.push({ piece, copy: Buffer.from(piece) });
    }
    for (const { piece, copy } of given) expect(piece.equals(copy)).toBe(true);
  });
});
