export interface WaitOptions {
  /** The slot to wait for. */
  readonly slot?: string;
  /** The time in ms after which the promise rejects with an error that describes the state. Default: 4000. */
  readonly timeout?: number;
}

/** Less than the default timeout of jest and other test runners, 5 s. */
const TIMEOUT = 4000;

/** Promises of conditions. */
export class Conditions {
  readonly #waiting = new Set<() => void>();

  /** Resolves when the condition holds; it is looked at now, and at each {@link check}. */
  wait(condition: () => boolean, timeout: number = TIMEOUT, createTimeoutError: (ms: number) => Error): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
      };
      const look = (): void => {
        if (!condition()) return;
        settle();
        resolve();
      };
      const timer = setTimeout(() => {
        settle();
        reject(createTimeoutError(timeout));
      }, timeout);
      this.#waiting.add(look);
      look();
    });
  }

  /** Something has changed. */
  check(): void {
    for (const look of this.#waiting) look();
  }
}
