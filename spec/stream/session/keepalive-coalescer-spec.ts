import { KeepaliveMessage } from '../../../lib/pgoutput/messages/walsender-messages';
import { KeepaliveCoalescer } from '../../../lib/stream/session/keepalive-coalescer';

function keepalive(walEnd: bigint, replyRequested = false): KeepaliveMessage {
  return new KeepaliveMessage(walEnd, new Date(0), replyRequested);
}

describe('keepalives that are delivered', () => {
  /** Sends a keepalive each ms for this number of ms. Returns the times and positions of those that are delivered. */
  function delivered(ms: number, busy: (now: number) => boolean): [at: number, walEnd: bigint][] {
    const keepalives = new KeepaliveCoalescer(undefined, 0n);
    return Array.from({ length: ms }, (_, now) => {
      keepalives.put(keepalive(BigInt(now)));
      const message = keepalives.takeDue(now, busy(now));
      return message ? [[now, message.walEnd] as [number, bigint]] : [];
    }).flat();
  }

  it('are all of them while nothing is unacknowledged', () => {
    expect(delivered(5, () => false).map(([at]) => at)).toEqual([0, 1, 2, 3, 4]);
  });

  it('are one in 100 ms otherwise, the latest one', () => {
    expect(delivered(250, () => true)).toEqual([
      [0, 0n],
      [100, 100n],
      [200, 200n],
    ]);
  });

  it('are all of them again once everything is acknowledged', () => {
    expect(delivered(52, (now) => now < 50).map(([at]) => at)).toEqual([0, 50, 51]);
  });

  it('are delivered once each', () => {
    const keepalives = new KeepaliveCoalescer(undefined, 0n);
    expect([keepalives.hasPending, keepalives.takeDue(0, false)]).toEqual([false, undefined]);
    const message = keepalive(1n);
    keepalives.put(message);
    expect([keepalives.hasPending, keepalives.takeDue(0, false), keepalives.hasPending]).toEqual([
      true,
      message,
      false,
    ]);
    expect(keepalives.takeDue(1000, false)).toBeUndefined();
  });

  it('exclude those before a later change; the first one after it is delivered without delay', () => {
    const keepalives = new KeepaliveCoalescer(undefined, 0n);
    keepalives.put(keepalive(1n));
    keepalives.takeDue(0, true);
    keepalives.put(keepalive(2n));
    expect(keepalives.takeDue(1, true)).toBeUndefined();
    keepalives.discardPending();
    expect([keepalives.hasPending, keepalives.takeDue(500, false)]).toEqual([false, undefined]);
    keepalives.put(keepalive(3n));
    expect(keepalives.takeDue(2, true)).toMatchObject({ walEnd: 3n });
  });
});

describe('keepalives that are progress', () => {
  it('are none if the slot holds the position', () => {
    const keepalives = new KeepaliveCoalescer(undefined, 0n);
    expect(keepalives.claimProgress(keepalive(100n, true), 0, 0n)).toBe(false);
  });

  it('are the first one, and then one per interval', () => {
    const keepalives = new KeepaliveCoalescer(1000, 0n);
    const times = [0, 1, 999, 1000, 1500, 1999, 2000];
    const progress = times.filter((now) => keepalives.claimProgress(keepalive(BigInt(now + 1)), now, 0n));
    expect(progress).toEqual([0, 1000, 2000]);
  });

  it('include one that requests a reply, also within the interval, which then restarts', () => {
    const keepalives = new KeepaliveCoalescer(1000, 0n);
    expect(keepalives.claimProgress(keepalive(1n), 0, 0n)).toBe(true);
    expect(keepalives.claimProgress(keepalive(2n, true), 600, 0n)).toBe(true);
    expect(keepalives.claimProgress(keepalive(3n), 1000, 0n)).toBe(false);
    expect(keepalives.claimProgress(keepalive(3n), 1600, 0n)).toBe(true);
  });

  it.each<[what: string, startLsn: bigint, progress: bigint, confirmableLsn: bigint]>([
    ['the start of the stream', 500n, 0n, 0n],
    ['earlier progress', 0n, 500n, 0n],
    ['the position that deliveries will confirm', 0n, 0n, 500n],
    ['the highest of these', 300n, 500n, 400n],
  ])('exclude those not beyond %s, even if they request a reply', (_, startLsn, progress, confirmableLsn) => {
    const keepalives = new KeepaliveCoalescer(1000, startLsn);
    keepalives.claimProgress(keepalive(progress), 0, 0n);
    for (const walEnd of [499n, 500n]) {
      expect(keepalives.claimProgress(keepalive(walEnd, true), 5000, confirmableLsn)).toBe(false);
    }
    expect(keepalives.claimProgress(keepalive(501n, true), 5000, confirmableLsn)).toBe(true);
  });

  it('are not delayed by those that were excluded', () => {
    const keepalives = new KeepaliveCoalescer(1000, 500n);
    expect(keepalives.claimProgress(keepalive(400n), 0, 0n)).toBe(false);
    expect(keepalives.claimProgress(keepalive(600n), 1, 0n)).toBe(true);
  });
});
