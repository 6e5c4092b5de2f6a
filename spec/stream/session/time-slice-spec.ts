import { TimeSlice } from '../../../lib/stream/session/time-slice';

/** Runs steps of so many ms until the slice is over. */
function run(...steps: number[]): { now: number; looks: number } {
  const slice = new TimeSlice(0, 10);
  let now = 0;
  let looks = 0;
  for (let i = 0; ; i++) {
    now += steps[Math.min(i, steps.length - 1)]!;
    if (!slice.shouldCheckClock()) continue;
    looks++;
    if (slice.isOver(now)) return { now, looks };
  }
}

describe('a time slice', () => {
  it.each([1, 2, 5, 9, 50])('is over after the first step that ends past it, where steps take %i ms', (ms) => {
    const { now } = run(ms);
    expect(now).toBeGreaterThanOrEqual(10);
    expect(now).toBeLessThan(10 + ms);
  });

  it('looks at the clock seldom while steps are fast', () => {
    const { now, looks } = run(0.001);
    expect(now).toBeLessThan(10.1);
    expect(looks).toBeLessThan(10_000 / 3);
  });

  it('takes at most four steps without a look, should they be slow suddenly', () => {
    const fast = new Array<number>(500).fill(0.001);
    expect(run(...fast, 100).now).toBeLessThanOrEqual(0.5 + 4 * 100);
  });
});
