import { StatusSender } from '../../../lib/stream/session/status-sender';

/** A sender at a time and with positions, and the updates that it has sent. */
class Fixture {
  time = 0;
  wallClock = 0;
  receivedLsn = 0n;
  confirmedLsn = 0n;
  readonly sent: Buffer[] = [];
  readonly sender = new StatusSender(
    { write: (bytes) => this.sent.push(bytes) },
    { elapsed: () => this.time, now: () => this.wallClock },
    this,
  );

  /** The ms until an update of these positions is due at that time. */
  delayAt(time: number, receivedLsn: bigint, confirmedLsn: bigint): number | undefined {
    Object.assign(this, { time, receivedLsn, confirmedLsn });
    return this.sender.getDelay();
  }
}

/** These positions were reported at 1000 ms. */
function reported(receivedLsn: bigint, confirmedLsn: bigint): Fixture {
  const fixture = new Fixture();
  Object.assign(fixture, { time: 1000, receivedLsn, confirmedLsn });
  fixture.sender.send(false);
  return fixture;
}

describe('a status update', () => {
  it('contains received as written, and confirmed as flushed and applied', () => {
    const fixture = new Fixture();
    Object.assign(fixture, { receivedLsn: 0x20n, confirmedLsn: 0x10n, wallClock: Date.UTC(2000, 0, 1) + 1 });
    fixture.sender.send(true);
    const [bytes = Buffer.alloc(0)] = fixture.sent;
    const [written, flushed, applied, clock] = [6, 14, 22, 30].map((at) => bytes.readBigUInt64BE(at));
    expect([bytes.length, written, flushed, applied, clock, bytes.at(-1)]).toEqual([39, 0x20n, 0x10n, 0x10n, 1000n, 1]);
    fixture.sender.send(false);
    expect(fixture.sent.at(-1)?.at(-1)).toBe(0);
  });

  it('is due immediately if none was sent yet', () => {
    expect(new Fixture().delayAt(0, 0n, 0n)).toBe(0);
  });

  it('is not due if nothing has changed, or only the received position', () => {
    expect(reported(2n, 1n).delayAt(100_000, 2n, 1n)).toBeUndefined();
    expect(reported(2n, 1n).delayAt(100_000, 9n, 1n)).toBeUndefined();
  });

  it('with a new confirmation is due 5 ms after the last one', () => {
    const fixture = reported(2n, 1n);
    expect([1000, 1004, 1005, 9999].map((time) => fixture.delayAt(time, 2n, 2n))).toEqual([5, 1, 0, 0]);
  });

  it('that was requested is due 5 ms after the last one if more was received, and after 100 ms if not', () => {
    const fixture = reported(2n, 1n);
    fixture.sender.requireReply();
    expect([1000, 1004, 1005].map((time) => fixture.delayAt(time, 3n, 1n))).toEqual([5, 1, 0]);
    expect([1000, 1099, 1100].map((time) => fixture.delayAt(time, 2n, 1n))).toEqual([100, 1, 0]);
    expect(fixture.delayAt(1005, 2n, 2n)).toBe(0);
  });

  it('replies to all pending requests', () => {
    const fixture = reported(2n, 1n);
    fixture.sender.requireReply();
    fixture.sender.requireReply();
    Object.assign(fixture, { time: 1100 });
    fixture.sender.send(false);
    expect(fixture.delayAt(5000, 2n, 1n)).toBeUndefined();
  });
});
