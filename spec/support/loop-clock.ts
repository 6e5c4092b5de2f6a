import { elapsedProcessorTime } from './processor-time';

const TICK = 5;

/**
 * Measures the duration of something in this process, in ms, without the time in which the machine did not run the process: a
 * tick of 5 ms counts once, however late it is. On an idle machine this equals elapsed time, so a bound has the same meaning on
 * a busy one. While the process blocks its own event loop, its processor time counts.
 */
export class LoopClock {
  #ticks = 0;
  readonly #start = process.cpuUsage();
  readonly #timer = setInterval(() => this.#ticks++, TICK).unref();

  /** In ms, since the clock was created. */
  get elapsed(): number {
    return Math.max(this.#ticks * TICK, elapsedProcessorTime(this.#start));
  }

  /** Stops the clock, and returns the elapsed time. */
  stop(): number {
    clearInterval(this.#timer);
    return this.elapsed;
  }
}
