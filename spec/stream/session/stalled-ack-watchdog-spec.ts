import { StalledAckWatchdog } from '../../../lib/stream/session/stalled-ack-watchdog';

describe('StalledAckWatchdog', () => {
  const FIRST = { unit: {}, index: 0, reason: 'first' };
  const SECOND = { unit: FIRST.unit, index: 1, reason: 'second' };

  it('warns once, after a minute in the same state', () => {
    const watch = new StalledAckWatchdog(0);
    const verdicts = [20_000, 30_000, 30_000, 30_000, 60_000, 60_000].map((ms) => watch.tick(ms, FIRST));
    expect(verdicts).toEqual(['ok', 'ok', 'warn', 'ok', 'ok', 'ok']);
    expect(watch.stalledFor).toBe(210_000);
  });

  it('measures from the first observation', () => {
    const watch = new StalledAckWatchdog(0);
    expect([watch.tick(1_000_000, FIRST), watch.stalledFor]).toEqual(['ok', 0]);
  });

  it('restarts with another state, and warns of that, too', () => {
    const watch = new StalledAckWatchdog(0);
    const verdicts = [FIRST, FIRST, SECOND, SECOND, FIRST].map((held) => watch.tick(60_000, held));
    expect(verdicts).toEqual(['ok', 'warn', 'ok', 'warn', 'ok']);
  });

  it('restarts after a state without unacknowledged deliveries', () => {
    const watch = new StalledAckWatchdog(0);
    const verdicts = [FIRST, undefined, FIRST, FIRST].map((held) => watch.tick(60_000, held));
    expect(verdicts).toEqual(['ok', 'ok', 'ok', 'warn']);
  });

  it('expires at its timeout, before or after the warning', () => {
    const short = new StalledAckWatchdog(5000);
    expect([1000, 4999, 1].map((ms) => short.tick(ms, FIRST))).toEqual(['ok', 'ok', 'expired']);
    const long = new StalledAckWatchdog(100_000);
    expect([1000, 60_000, 40_000].map((ms) => long.tick(ms, FIRST))).toEqual(['ok', 'warn', 'expired']);
  });
});
