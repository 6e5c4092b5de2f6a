import { KeepaliveMessage } from '../../../lib/pgoutput/messages/walsender-messages';
import { KeepaliveCoalescer } from '../../../lib/stream/session/keepalive-coalescer';

function keepalive(walEnd: bigint, replyRequested = false): KeepaliveMessage {
  return new KeepaliveMessage(walEnd, new Date(0), replyRequested);
}

describe('which keepalives are delivered', () => {
  /** What comes of a keepalive each ms, in the first so many ms: at which times, and up to where. */
  function delivered(ms: number, busy: (now: number) => boolean): [at: number, walEnd: bigint][] {
    const keepalives = new KeepaliveCoalescer(undefined, 0n);
    return Array.from({ length: ms }, (_, now) => {
      keepalives.put(keepalive(BigInt(now)));
      const message = keepalives.takeDue(now, busy(now));
      return message ? [[now, message.walEnd] as [number, bigint]] : [];
    }).flat();
  }

  it('is each one while nothing is in hand', () => {
    expect(delivered(5, () => false).map(([at]) => at)).toEqual([0, 1, 2, 3, 4]);
  });

  it('is one in 100 ms during work, the latest then', () => {
    expect(delivered(250, () => true)).toEqual([
      [0, 0n],
      [100, 100n],
      [200, 200n],
    ]);
  });

  it('is each one again once the work is done', () => {
    expect(delivered(52, (now) => now < 50).map(([at]) => at)).toEqual([0, 50, 51]);
  });

  it('is none twice', () => {
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

  it('is none that a change has overtaken; the first one behind it comes without delay', () => {
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

describe('which keepalives are progress', () => {
  it('is none where the slot keeps the position', () => {
    const keepalives = new KeepaliveCoalescer(undefined, 0n);
    expect(keepalives.claimProgress(keepalive(100n, true), 0, 0n)).toBe(false);
  });

  it('is the first one, and then one in an interval', () => {
    const keepalives = new KeepaliveCoalescer(1000, 0n);
    const times = [0, 1, 999, 1000, 1500, 1999, 2000];
    const progress = times.filter((now) => keepalives.claimProgress(keepalive(BigInt(now + 1)), now, 0n));
    expect(progress).toEqual([0, 1000, 2000]);
  });

  it('is one that asks, within the interval too, and the interval begins anew with it', () => {
    const keepalives = new KeepaliveCoalescer(1000, 0n);
    expect(keepalives.claimProgress(keepalive(1n), 0, 0n)).toBe(true);
    expect(keepalives.claimProgress(keepalive(2n, true), 600, 0n)).toBe(true);
    expect(keepalives.claimProgress(keepalive(3n), 1000, 0n)).toBe(false);
    expect(keepalives.claimProgress(keepalive(3n), 1600, 0n)).toBe(true);
  });

  it.each<[what: string, startLsn: bigint, progress: bigint, confirmableLsn: bigint]>([
    ['the start of the stream', 500n, 0n, 0n],
    ['earlier progress', 0n, 500n, 0n],
    ['what will be confirmed by itself', 0n, 0n, 500n],
    ['the highest of these', 300n, 500n, 400n],
  ])('is none that leads no further than %s, though it asks', (_, startLsn, progress, confirmableLsn) => {
    const keepalives = new KeepaliveCoalescer(1000, startLsn);
    keepalives.claimProgress(keepalive(progress), 0, 0n);
    for (const walEnd of [499n, 500n]) {
      expect(keepalives.claimProgress(keepalive(walEnd, true), 5000, confirmableLsn)).toBe(false);
    }
    expect(keepalives.claimProgress(keepalive(501n, true), 5000, confirmableLsn)).toBe(true);
  });

  it('is not held up by those that were none', () => {
    const keepalives = new KeepaliveCoalescer(1000, 500n);
    expect(keepalives.claimProgress(keepalive(400n), 0, 0n)).toBe(false);
    expect(keepalives.claimProgress(keepalive(600n), 1, 0n)).toBe(true);
  });
});
