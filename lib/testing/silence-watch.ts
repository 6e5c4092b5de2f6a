import type { SchedulerLike, Subscription } from 'rxjs';

export interface SilenceEvents {
  /** Called after half of the timeout. */
  requestReply(): void;
  /** Called after all of the timeout. */
  expired(ms: number): void;
}

/**
 * Applies wal_sender_timeout as a walsender does: requests a reply once after half of it, and ends the connection after all of it.
 * Any message of the client restarts it.
 */
export class SilenceWatch {
  readonly #scheduler: SchedulerLike;
  readonly #timeout: number;
  readonly #events: SilenceEvents;
  #since: number;
  #timer: Subscription | undefined;

  /** @param timeout in ms; 0: no timeout */
  constructor(scheduler: SchedulerLike, timeout: number, events: SilenceEvents) {
    this.#scheduler = scheduler;
    this.#timeout = timeout;
    this.#events = events;
    this.#since = scheduler.now();
    if (timeout > 0) this.#start();
  }

  recordReceived(): void {
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
      this.#events.requestReply();
      // One more turn of the event loop: if this process was busy, a message of the client may not be read yet.
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
