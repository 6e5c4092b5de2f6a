import type { SchedulerLike, Subscription } from 'rxjs';

export interface SilenceEvents {
  /** Half of the time-out has passed. */
  ask(): void;
  /** All of it. */
  expired(ms: number): void;
}

/**
 * wal_sender_timeout as a walsender keeps it: it asks once at half of it, and gives up at the whole; whatever the client
 * sends starts it anew.
 */
export class SilenceWatch {
  readonly #scheduler: SchedulerLike;
  readonly #timeout: number;
  readonly #events: SilenceEvents;
  #since: number;
  #timer: Subscription | undefined;

  /** @param timeout in ms; 0: for ever */
  constructor(scheduler: SchedulerLike, timeout: number, events: SilenceEvents) {
    this.#scheduler = scheduler;
    this.#timeout = timeout;
    this.#events = events;
    this.#since = scheduler.now();
    if (timeout > 0) this.#start();
  }

  heard(): void {
    this.#since = this.#scheduler.now();
    if (!this.#timer) return;
    this.#timer.unsubscribe();
    this.#start();
  }

  stop(): void {
    this.#timer?.unsubscribe();
    this.#timer = undefined;
  }

  #start(): void {
    this.#wait(this.#timeout / 2, () => {
      this.#events.ask();
      // One turn more: what the client said may lie there unread, where the process itself was busy.
      this.#wait(this.#timeout / 2, () => {
        this.#wait(1, () => {
          this.stop();
          this.#events.expired(this.#scheduler.now() - this.#since);
        });
      });
    });
  }

  #wait(ms: number, then: () => void): void {
    this.#timer = this.#scheduler.schedule(then, ms);
  }
}
