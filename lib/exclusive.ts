import { ReplicationError } from './errors';

/**
 * Lets one subscription at a time use a slot. One that comes while the last is still taking leave waits for it; one that
 * comes while the last is in full swing is a mistake.
 */
export class Exclusive {
  #holder: 'nobody' | 'active' | 'leaving' = 'nobody';
  #waiting: (() => void) | undefined;

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

  leaving(): void {
    this.#holder = 'leaving';
  }

  left(): void {
    const next = this.#waiting;
    this.#waiting = undefined;
    this.#holder = next ? 'active' : 'nobody';
    next?.();
  }
}
