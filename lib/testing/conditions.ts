export interface WaitOptions {
  /** The slot to wait for. */
  readonly slot?: string;
  /** The time in ms after which the promise rejects with an error that describes the state. Default: 4000. */
  readonly timeout?: number;
}

/** Less than the default timeout of jest and other test runners, 5 s. */
const DEFAULT_TIMEOUT = 4000;

/** Promises that resolve when a condition holds. */
export class Conditions {
  readonly #checks = new Set<() => void>();

  /** Resolves when the condition holds. It is evaluated immediately and at each {@link check}. */
  wait(
    condition: () => boolean,
    timeout: number = DEFAULT_TIMEOUT,
    createTimeoutError: (ms: number) => Error,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#checks.delete(check);
      };
      const check = (): void => {
        if (!condition()) return;
        settle();
        resolve();
      };
      const timer = setTimeout(() => {
        settle();
        reject(createTimeoutError(timeout));
      }, timeout);
      this.#checks.add(check);
      check();
    });
  }

  /** Evaluates all conditions again. */
  check(): void {
    for (const check of this.#checks) check();
  }
}
