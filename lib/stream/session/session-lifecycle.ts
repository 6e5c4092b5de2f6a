/**
 * - `streaming`: messages are delivered.
 * - `stopRequested`: messages are delivered up to the next transaction boundary.
 * - `draining`: delivery has ended; the connection stays open until everything before the stop is settled.
 * - `closing`: CopyDone was sent; everything received is discarded until ReadyForQuery.
 * - `closed`: nothing is read or sent.
 */
export type SessionState = 'streaming' | 'stopRequested' | 'draining' | 'closing' | 'closed';

type Transition = 'requestStop' | 'stop' | 'close' | 'end';

/** Every transition that exists. What is not listed has no effect. */
const TRANSITIONS: Readonly<Record<SessionState, Partial<Record<Transition, SessionState>>>> = {
  streaming: { requestStop: 'stopRequested', stop: 'draining', close: 'closing', end: 'closed' },
  stopRequested: { stop: 'draining', close: 'closing', end: 'closed' },
  draining: { close: 'closing', end: 'closed' },
  closing: { end: 'closed' },
  closed: {},
};

/** The state of a session, and the listeners for its end. */
export class SessionLifecycle {
  #state: SessionState = 'streaming';
  #wasStopped = false;
  /** What the subscriber received instead of completion. */
  #error: unknown;
  readonly #listeners = new Set<(error?: unknown) => void>();
  readonly #afterClose: (() => void)[] = [];

  get state(): SessionState {
    return this.#state;
  }

  /** Whether messages are delivered. */
  isDelivering(): boolean {
    return this.#state === 'streaming' || this.#state === 'stopRequested';
  }

  /** Whether the server may still receive status updates: it discards those that follow CopyDone. */
  get sendsStatus(): boolean {
    return this.#state !== 'closing' && this.#state !== 'closed';
  }

  /** Whether a stop has ended delivery, rather than an error or the end of the subscription. */
  get wasStopped(): boolean {
    return this.#wasStopped;
  }

  /** @returns false where the present state has no such transition */
  apply(transition: Transition): boolean {
    const next = TRANSITIONS[this.#state][transition];
    if (next === undefined) return false;
    this.#state = next;
    if (next === 'draining') this.#wasStopped = true;
    return true;
  }

  /** Whether {@link whenClosed} has listeners. */
  get isAwaited(): boolean {
    return this.#listeners.size > 0;
  }

  /** @returns removes the listener */
  whenClosed(listener: (error?: unknown) => void): () => void {
    if (this.#state === 'closed') {
      listener(this.#error);
      return () => undefined;
    }
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  afterClose(listener: () => void): void {
    if (this.#state === 'closed') listener();
    else this.#afterClose.push(listener);
  }

  /** Notifies the listeners that the session is closed. */
  notifyClosed(error: unknown): void {
    this.#error = error;
    for (const listener of this.#listeners) listener(error);
    this.#listeners.clear();
    for (const listener of this.#afterClose.splice(0)) listener();
  }
}
