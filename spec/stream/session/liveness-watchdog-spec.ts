import { LivenessWatchdog } from '../../../lib/stream/session/liveness-watchdog';

describe('LivenessWatchdog', () => {
  it('requests a reply from half the timeout on, and fails after all of it', () => {
    const watch = new LivenessWatchdog(1000);
    expect([499, 1, 499, 1].map((ms) => watch.tick(ms, true))).toEqual([
      'ok',
      'requestReply',
      'requestReply',
      'timeout',
    ]);
  });

  it('restarts with every byte', () => {
    const watch = new LivenessWatchdog(1000);
    watch.tick(999, true);
    watch.recordReceived();
    // The byte may have arrived at the end of that time.
    expect(watch.tick(999, true)).toBe('ok');
    expect([watch.tick(499, true), watch.tick(1, true)]).toEqual(['ok', 'requestReply']);
  });

  it('restarts when reading resumes, because earlier silence is meaningless', () => {
    const watch = new LivenessWatchdog(1000);
    watch.tick(999, true);
    expect(watch.tick(1_000_000, false)).toBe('ok');
    expect(watch.tick(499, true)).toBe('ok');
    expect(watch.tick(501, true)).toBe('timeout');
  });

  it('never fails with a timeout of 0', () => {
    const watch = new LivenessWatchdog(0);
    expect(watch.tick(1_000_000_000, true)).toBe('ok');
  });
});
