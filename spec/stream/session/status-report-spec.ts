import { StatusReport } from '../../../lib/stream/session/status-report';

/** A report of these positions has just gone out, at 1000 ms. */
function reported(received: bigint, confirmed: bigint): StatusReport {
  const report = new StatusReport(0);
  report.encode(received, confirmed, 1000, 0);
  return report;
}

describe('a status report', () => {
  it('is a status update: received is written, confirmed is flushed and applied', () => {
    const bytes = new StatusReport(0).encode(0x20n, 0x10n, 0, Date.UTC(2000, 0, 1) + 1, true);
    const [written, flushed, applied, clock] = [6, 14, 22, 30].map((at) => bytes.readBigUInt64BE(at));
    expect([bytes.length, written, flushed, applied, clock, bytes.at(-1)]).toEqual([39, 0x20n, 0x10n, 0x10n, 1000n, 1]);
    expect(new StatusReport(0).encode(0n, 0n, 0, 0).at(-1)).toBe(0);
  });

  it('is due at once when none has gone out yet', () => {
    expect(new StatusReport(0).dueIn(0n, 0n, 0)).toBe(0);
  });

  it('is not due while nothing has changed, or only what was received', () => {
    expect(reported(2n, 1n).dueIn(2n, 1n, 100_000)).toBeUndefined();
    expect(reported(2n, 1n).dueIn(9n, 1n, 100_000)).toBeUndefined();
  });

  it('of a new confirmation is due 5 ms after the last one', () => {
    const report = reported(2n, 1n);
    expect([1000, 1004, 1005, 9999].map((now) => report.dueIn(2n, 2n, now))).toEqual([5, 1, 0, 0]);
  });

  it('that is owed is due 5 ms after the last one if more was received, and after 100 ms if not', () => {
    const report = reported(2n, 1n);
    report.oweAnswer();
    expect([1000, 1004, 1005].map((now) => report.dueIn(3n, 1n, now))).toEqual([5, 1, 0]);
    expect([1000, 1099, 1100].map((now) => report.dueIn(2n, 1n, now))).toEqual([100, 1, 0]);
    expect(report.dueIn(2n, 2n, 1005)).toBe(0);
  });

  it('pays all that is owed', () => {
    const report = reported(2n, 1n);
    report.oweAnswer();
    report.oweAnswer();
    report.encode(2n, 1n, 1100, 0);
    expect(report.dueIn(2n, 1n, 5000)).toBeUndefined();
  });
});
