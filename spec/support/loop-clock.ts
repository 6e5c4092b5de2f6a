import { elapsedProcessorTime } from './processor-time';

const TICK = 5;

/**
 * Tells how long something took in this process, in ms, without the time in which the machine let the process wait: a tick
 * of 5 ms counts once, however late it came. On an idle machine that is the time of the wall clock, so that a bound means
 * the same on a busy one. Time in which this process kept its event loop from ticking counts by its processor time.
 */
export class LoopClock {
  #ticks = 0;
  readonly #start = process.cpuUsage();
  readonly #timer = setInterval(() => this.#ticks++, TICK).unref();

  /** In ms, since the clock was made. */
  get elapsed(): number {
    return Math.max(this.#ticks * TICK, elapsedProcessorTime(this.#start));
  }

  /** Stops the clock, and returns what it shows. */
  stop(): number {
    clearInterval(this.#timer);
    return this.elapsed;
  }
}
