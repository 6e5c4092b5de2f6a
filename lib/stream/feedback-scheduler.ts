import type { SchedulerLike, Subscription } from 'rxjs';

/** Called by the feedback scheduler. */
export interface FeedbackTarget {
  /** @param ms since the last tick */
  tick(ms: number): void;
  report(): void;
}

/** Calls `tick` at an interval, whether or not messages are read, and `report` when one is scheduled. */
export class FeedbackScheduler {
  readonly #scheduler: SchedulerLike;
  readonly #target: FeedbackTarget;
  readonly #interval: Subscription;
  #pending: Subscription | undefined;
  /** When the pending report is due, on the scheduler's clock. */
  #due = Infinity;

  /** @param period ms between ticks */
  constructor(scheduler: SchedulerLike, period: number, target: FeedbackTarget) {
    this.#scheduler = scheduler;
    this.#target = target;
    this.#interval = scheduler.schedule(function () {
      target.tick(period);
      this.schedule(undefined, period);
    }, period);
  }

  /** Schedules one report in at most so many ms, unless one is scheduled that comes no later. */
  scheduleReport(ms: number): void {
    const due = this.#scheduler.now() + ms;
    if (this.#interval.closed || due >= this.#due) return;
    this.#pending?.unsubscribe();
    this.#due = due;
    this.#pending = this.#scheduler.schedule(() => {
      this.#due = Infinity;
      this.#target.report();
    }, ms);
  }

  stop(): void {
    this.#interval.unsubscribe();
    this.#pending?.unsubscribe();
  }
}
