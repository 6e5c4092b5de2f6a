import { LivenessWatchdog } from '../../../lib/stream/session/liveness-watchdog';

describe('LivenessWatch', () => {
  it('asks from half the time-out on, and gives up at the whole', () => {
    const watch = new LivenessWatchdog(1000);
    expect([499, 1, 499, 1].map((ms) => watch.tick(ms, true))).toEqual([
      'ok',
      'requestReply',
      'requestReply',
      'timeout',
    ]);
  });

  it('starts again with every byte', () => {
    const watch = new LivenessWatchdog(1000);
    watch.tick(999, true);
    watch.recordReceived();
    // It may have come at the very end of that time.
    expect(watch.tick(999, true)).toBe('ok');
    expect([watch.tick(499, true), watch.tick(1, true)]).toEqual(['ok', 'requestReply']);
  });

  it('starts again when reading goes on, as silence says nothing before', () => {
    const watch = new LivenessWatchdog(1000);
    watch.tick(999, true);
    expect(watch.tick(1_000_000, false)).toBe('ok');
    expect(watch.tick(499, true)).toBe('ok');
    expect(watch.tick(501, true)).toBe('timeout');
  });

  it('never gives up with a time-out of 0', () => {
    const watch = new LivenessWatchdog(0);
    expect(watch.tick(1_000_000_000, true)).toBe('ok');
  });
});
