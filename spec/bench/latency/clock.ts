const TRIES = 20;

/** The difference between the wall clock and `performance.now()`, and when it was measured. */
export interface ClockReading {
  /** By `performance.now()`, in ms. */
  readonly at: number;
  /** The time in ms from 1970 to the zero of `performance.now()`. */
  readonly origin: number;
}

/**
 * Reads the wall clock with a precision of some µs, although `Date.now()` has whole ms, by waiting for its next step.
 *
 * `performance.timeOrigin` is not precise enough: the wall clock is adjusted while the program runs, and `performance.now()` is
 * not. Any delay between the step and the reading makes the origin appear earlier, so the latest origin is the best.
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
