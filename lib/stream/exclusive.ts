import { ReplicationError } from '../common/errors';

/**
 * Lets one subscription at a time use a slot. One that comes while the last is still taking leave waits for it; one that
 * comes while the last is in full swing is a mistake.
 */
export class Exclusive {
  #holder: 'nobody' | 'active' | 'leaving' = 'nobody';
  #waiting: (() => void) | undefined;
  readonly #listeners = new Set<() => void>();

  /**
   * @param start called when it is the caller's turn, at once or later
   * @returns gives up waiting
   * @throws ALREADY_SUBSCRIBED
   */
  enter(start: () => void): () => void {
    if (this.#holder === 'active' || this.#waiting) {
      throw new ReplicationError('ALREADY_SUBSCRIBED', 'This stream has a subscriber already');
    }
    if (this.#holder === 'leaving') {
      this.#waiting = start;
      return () => {
        if (this.#waiting === start) this.#waiting = undefined;
      };
    }
    this.#holder = 'active';
    start();
    return () => undefined;
  }

  /**
   * Calls back once the present subscription has left; at once if there is none.
   *
   * @returns stops waiting
   */
  whenLeft(listener: () => void): () => void {
    if (this.#holder === 'nobody') {
      listener();
      return () => undefined;
    }
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  leaving(): void {
    this.#holder = 'leaving';
  }

  left(): void {
    const next = this.#waiting;
    this.#waiting = undefined;
    this.#holder = next ? 'active' : 'nobody';
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
    next?.();
  }
}
