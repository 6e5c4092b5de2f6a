import { TimeSlice } from '../../../lib/stream/session/time-slice';

/** Runs steps of this number of ms until the slice ends. */
function run(...steps: number[]): { now: number; looks: number } {
  const slice = new TimeSlice(0, 10);
  let now = 0;
  let looks = 0;
  for (let i = 0; ; i++) {
    now += steps[Math.min(i, steps.length - 1)]!;
    if (!slice.countStep()) continue;
    looks++;
    if (slice.checkClock(now)) return { now, looks };
  }
}

describe('a time slice', () => {
  it.each([1, 2, 5, 9, 50])('ends after the first step that exceeds it, if steps take %i ms', (ms) => {
    const { now } = run(ms);
    expect(now).toBeGreaterThanOrEqual(10);
    expect(now).toBeLessThan(10 + ms);
  });

  it('rarely reads the clock while steps are fast', () => {
    const { now, looks } = run(0.001);
    expect(now).toBeLessThan(10.1);
    expect(looks).toBeLessThan(10_000 / 3);
  });

  it('runs at most four steps without reading the clock, in case they become slow', () => {
    const fast = new Array<number>(500).fill(0.001);
    expect(run(...fast, 100).now).toBeLessThanOrEqual(0.5 + 4 * 100);
  });
});
