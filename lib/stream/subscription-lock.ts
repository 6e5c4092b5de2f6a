import { ReplicationError } from '../common/errors';

/**
 * Lets one subscription at a time use a slot. One that comes while the last is still taking leave waits for it; one that
 * comes while the last is in full swing is a mistake.
 */
export class SubscriptionLock {
  #state: 'nobody' | 'active' | 'leaving' = 'nobody';
  #waiting: (() => void) | undefined;
  readonly #listeners = new Set<() => void>();

  /**
   * @param start called when it is the caller's turn, at once or later
   * @returns gives up waiting
   * @throws ALREADY_SUBSCRIBED
   */
  acquire(start: () => void): () => void {
    if (this.#state === 'active' || this.#waiting) {
      throw new ReplicationError('ALREADY_SUBSCRIBED', 'This stream has a subscriber already');
    }
    if (this.#state === 'leaving') {
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
   * Calls back once the present subscription has left; at once if there is none.
   *
   * @returns stops waiting
   */
  whenReleased(listener: () => void): () => void {
    if (this.#state === 'nobody') {
      listener();
      return () => undefined;
    }
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  beginRelease(): void {
    this.#state = 'leaving';
  }

  release(): void {
    const next = this.#waiting;
    this.#waiting = undefined;
    this.#state = next ? 'active' : 'nobody';
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
    next?.();
  }
}
