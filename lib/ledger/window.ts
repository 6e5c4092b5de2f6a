/** How much may be delivered and not settled before reading stops. */
export interface WindowLimits {
  readonly messages: number;
  readonly bytes: number;
}

/**
 * Determines when reading waits for the subscriber: from a limit on, until at most half of both is used. `ReadLoop` pauses
 * the transport when {@link isFull} returns true; the event `windowReopened` resumes it.
 */
export class Window {
  readonly #limits: WindowLimits;
  readonly #onReopened: () => void;
  #messages = 0;
  #bytes = 0;
  #full = false;

  /** @param onReopened called when a full window is half empty */
  constructor(limits: WindowLimits, onReopened: () => void) {
    this.#limits = limits;
    this.#onReopened = onReopened;
  }

  /** Checks the limits when it is called: a window that was full between two calls only does not count. */
  isFull(): boolean {
    this.#full ||= this.#messages >= this.#limits.messages || this.#bytes >= this.#limits.bytes;
    return this.#full;
  }

  add(messages: number, bytes: number): void {
    this.#messages += messages;
    this.#bytes += bytes;
  }

  remove(messages: number, bytes: number): void {
    this.#messages -= messages;
    this.#bytes -= bytes;
    if (!this.#full || this.#messages > this.#limits.messages / 2 || this.#bytes > this.#limits.bytes / 2) return;
    this.#full = false;
    this.#onReopened();
  }
}
