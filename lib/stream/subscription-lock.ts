import { ReplicationError } from '../common/errors';

/**
 * Lets one subscription at a time use a slot. A subscription waits while the previous one is closing, and throws while another one
 * is active.
 */
export class SubscriptionLock {
  #state: 'free' | 'active' | 'closing' = 'free';
  #waiting: (() => void) | undefined;
  readonly #listeners = new Set<() => void>();

  /**
   * @param start called when the lock is acquired, at once or later
   * @returns stops waiting
   * @throws ALREADY_SUBSCRIBED
   */
  acquire(start: () => void): () => void {
    if (this.#state === 'active' || this.#waiting) {
      throw new ReplicationError('ALREADY_SUBSCRIBED', 'This stream has a subscriber already');
    }
    if (this.#state === 'closing') {
      this.#waiting = start;
      return () => {
        if (this.#waiting === start) this.#waiting = undefined;
      };
    }
    this.#state = 'active';
    start();
    return () => undefined;
  }

  /**
   * Calls back once the present subscription has closed; at once if there is none.
   *
   * @returns stops waiting
   */
  whenReleased(listener: () => void): () => void {
    if (this.#state === 'free') {
      listener();
      return () => undefined;
    }
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  beginRelease(): void {
    this.#state = 'closing';
  }

  release(): void {
    const next = this.#waiting;
    this.#waiting = undefined;
    this.#state = next ? 'active' : 'free';
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
    next?.();
  }
}
