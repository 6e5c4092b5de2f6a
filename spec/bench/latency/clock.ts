const TRIES = 20;

/** What the wall clock was ahead of `performance.now()`, and when. */
export interface ClockReading {
  /** By `performance.now()`, in ms. */
  readonly at: number;
  /** ms between 1970 and the zero of `performance.now()`. */
  readonly origin: number;
}

/**
 * Reads the wall clock to some µs, although `Date.now()` tells whole ms: at the moment when it steps on.
 *
 * `performance.timeOrigin` is not enough: the wall clock is steered while the program runs, and `performance.now()` is
 * not steered with it. Whatever comes between the step and our look makes the origin seem earlier, so the latest is best.
 */
export function readClock(): ClockReading {
  let origin = -Infinity;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const before = Date.now();
    let wall = before;
    while (wall === before) wall = Date.now();
    origin = Math.max(origin, wall - performance.now());
  }
  return { at: performance.now(), origin };
}

/** The wall clock at a moment between two readings, in µs since 1970. */
export function wallMicros(at: number, first: ClockReading, last: ClockReading): number {
  const slope = (last.origin - first.origin) / (last.at - first.at);
  return (at + first.origin + (at - first.at) * slope) * 1000;
}
