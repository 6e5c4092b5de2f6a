import type { SchedulerLike, Subscription } from 'rxjs';

/** Callbacks that a scheduler runs later, or {@link flush} immediately. */
export class DelayedActions {
  readonly #scheduler: SchedulerLike;
  readonly #pending = new Map<Subscription, () => void>();

  constructor(scheduler: SchedulerLike) {
    this.#scheduler = scheduler;
  }

  schedule(ms: number, callback: () => void): void {
    const action = this.#scheduler.schedule(() => {
      this.#pending.delete(action);
      callback();
    }, ms);
    this.#pending.set(action, callback);
  }

  /** Runs all pending callbacks immediately. */
  flush(): void {
    for (const [action, callback] of this.#pending) {
      action.unsubscribe();
      callback();
    }
    this.#pending.clear();
  }
}
