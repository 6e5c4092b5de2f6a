import fc from 'fast-check';
import { ProtocolError } from '../../lib/common/errors';
import { Reader } from '../../lib/wire/reader';
import {
  fromPgTimestamp,
  KEEPALIVE,
  readKeepalive,
  readPgTimestamp,
  readXLogDataHeader,
  encodeStandbyStatusUpdate,
  toPgTimestamp,
  XLOG_DATA,
  XLOG_DATA_HEADER_LENGTH,
} from '../../lib/wire/replication-messages';

const EPOCH = Date.UTC(2000, 0, 1);
const HEADER = 'deadbeef00000001' + '00000002cafebabe' + '00000000000003e9';

function readerOf(hex: string): Reader {
  const buffer = Buffer.from(hex, 'hex');
  return new Reader(buffer, 0, buffer.length, 'CopyData');
}

describe('standbyStatusUpdate', () => {
  it('is a CopyData frame with a payload of 34 bytes', () => {
    const frame = encodeStandbyStatusUpdate({
      written: 0xdead_beef_0000_0001n,
      flushed: 0x2_0000_0003n,
      applied: 4n,
      now: EPOCH + 1,
      replyRequested: false,
    });
    expect(frame.toString('hex')).toBe(
      '64' +
        '00000026' +
        '72' +
        'deadbeef00000001' +
        '0000000200000003' +
        '0000000000000004' +
        '00000000000003e8' +
        '00',
    );
  });

  it('can request a reply', () => {
    const status = { written: 1n, flushed: 1n, applied: 1n, now: EPOCH };
    expect(encodeStandbyStatusUpdate({ ...status, replyRequested: true }).at(-1)).toBe(1);
    expect(encodeStandbyStatusUpdate({ ...status, replyRequested: false }).at(-1)).toBe(0);
  });
});

describe("PostgreSQL's timestamps", () => {
  const instants: [iso: string, micros: bigint][] = [
    ['2000-01-01T00:00:00.000Z', 0n],
    ['2000-01-01T00:00:00.001Z', 1000n],
    ['1999-12-31T23:59:59.999Z', -1000n],
    ['1970-01-01T00:00:00.000Z', -946684800000000n],
    ['1969-12-31T23:59:59.999Z', -946684800001000n],
    ['2026-05-20T12:34:56.789Z', 832595696789000n],
    ['2500-01-01T00:00:00.000Z', 15778540800000000n],
    ['1000-01-01T00:00:00.000Z', -31556908800000000n],
  ];

  it.each(instants)('%s is %d µs', (iso, micros) => {
    const hex = Buffer.alloc(8);
    hex.writeBigInt64BE(micros);
    expect(toPgTimestamp(Date.parse(iso))).toBe(micros);
    expect(fromPgTimestamp(micros).toISOString()).toBe(iso);
    expect(readPgTimestamp(readerOf(hex.toString('hex'))).toISOString()).toBe(iso);
  });

  it('keeps the µs of a fractional ms, and rounds no whole ms', () => {
    expect(toPgTimestamp(EPOCH + 0.25)).toBe(250n);
    expect(toPgTimestamp(EPOCH - 0.25)).toBe(-250n);
    expect(toPgTimestamp(EPOCH + 0.9996)).toBe(1000n);
    expect(toPgTimestamp(1779280496789.125)).toBe(832595696789125n);
    expect(toPgTimestamp(EPOCH + 8_999_999_999_999)).toBe(8_999_999_999_999_000n);
  });

  it('truncates µs towards the past', () => {
    expect(fromPgTimestamp(1999n).getTime()).toBe(EPOCH + 1);
    expect(fromPgTimestamp(-1n).getTime()).toBe(EPOCH - 1);
    expect(fromPgTimestamp(-946684800000001n).getTime()).toBe(-1);
  });

  it('reads any 64 bits equally from a number and from a buffer', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.nat(63), (wide, shift) => {
        const micros = wide >> BigInt(shift);
        const bytes = Buffer.alloc(8);
        bytes.writeBigInt64BE(micros);
        expect(readPgTimestamp(new Reader(bytes, 0, 8, 'clock')).getTime()).toBe(fromPgTimestamp(micros).getTime());
      }),
      { numRuns: 2000 },
    );
  });

  it('returns an invalid Date for infinity', () => {
    expect(fromPgTimestamp(2n ** 63n - 1n).getTime()).toBeNaN();
    expect(fromPgTimestamp(-(2n ** 63n)).getTime()).toBeNaN();
  });
});

describe('readKeepalive', () => {
  it.each([
    ['00', false],
    ['01', true],
  ])('reads the position, the time and %s', (flag, replyRequested) => {
    expect(readKeepalive(readerOf('0000000216b6c500' + '00000000000003e8' + flag))).toStrictEqual({
      walEnd: 0x2_16b6_c500n,
      serverTime: new Date(EPOCH + 1),
      replyRequested,
    });
  });

  it('rejects one that is truncated or too long', () => {
    const whole = '0000000216b6c500' + '00000000000003e8' + '01';
    for (let length = 0; length < whole.length; length += 2) {
      expect(() => readKeepalive(readerOf(whole.slice(0, length)))).toThrow(ProtocolError);
    }
    expect(() => readKeepalive(readerOf(`${whole}00`))).toThrow(ProtocolError);
  });
});

describe('XLogData', () => {
  const header = { dataStart: 0xdead_beef_0000_0001n, walEnd: 0x2_cafe_baben, serverTime: new Date(EPOCH + 1) };

  it('has its payload after the header', () => {
    const reader = readerOf(`${HEADER}42ff`);
    expect(readXLogDataHeader(reader)).toStrictEqual(header);
    expect(reader.rest().toString('hex')).toBe('42ff');
  });

  it('is rejected if its header is truncated', () => {
    for (let length = 0; length < HEADER.length; length += 2) {
      expect(() => readXLogDataHeader(readerOf(HEADER.slice(0, length)))).toThrow(ProtocolError);
    }
  });

  it('has the header length that other code relies on', () => {
    expect(1 + HEADER.length / 2).toBe(XLOG_DATA_HEADER_LENGTH);
  });
});

it('has the type byte w, a keepalive k', () => {
  expect(String.fromCharCode(XLOG_DATA, KEEPALIVE)).toBe('wk');
});
