import type { Lsn } from './lsn';

/** What subscribers say about a delivery: that they are done with it. */
export interface Acknowledgeable {
  /**
   * Settles this delivery. Idempotent, in any order, and works unbound (`.subscribe(({ ack }) => ack())`).
   *
   * @returns false when it came too late to count: the subscription has ended, and the delivery may come again.
   */
  readonly ack: () => boolean;
}

/** What an operator may ask of the session that a delivery came from. */
export interface SessionControl {
  /** Ends delivery; the session stays connected until what was delivered is settled, then it closes. */
  stop(): void;
  /** The same, behind the transaction that is being delivered and never inside one. */
  stopAtBoundary(): void;
  /**
   * The caller will settle nothing more: a session that drains after a stop closes, unless somebody else still waits for
   * its end. One that streams may have other listeners.
   */
  abandon(): void;
  /** Whether messages may still come. */
  isStreaming(): boolean;
  /** Calls back once when the session has closed, with the error if it failed; at once if it has closed already. */
  whenClosed(listener: (error?: unknown) => void): () => void;
}

/** A delivery's place in the ledger. */
export interface Entry {
  readonly session: SessionControl;
  /** @returns false when the session closed first */
  settle(): boolean;
  /** Takes the delivery out of the window: a group that will be acknowledged as a whole has taken it over. */
  gather(): void;
  /** Of a Commit: puts what its transaction gathered back into the window, as one entry. */
  group(): Entry;
  /**
   * Ends delivery before this message: neither it nor what follows is ever confirmed.
   *
   * @param upTo as in `stopAfter`
   */
  stopBefore(upTo?: Lsn): void;
  /**
   * Ends delivery after this message: what follows is never confirmed.
   *
   * @param upTo a position that is done once everything delivered is, where the stop names one
   */
  stopAfter(upTo?: Lsn): void;
}

/**
 * The state of acknowledgement that a delivery carries. It is private and on the prototype, so that equality and JSON
 * see data only.
 */
export abstract class Delivery implements Acknowledgeable {
  #entry: Entry | undefined;

  get ack(): () => boolean {
    return () => this.#entry?.settle() ?? true;
  }

  /** @internal */
  static attach(delivery: Delivery, entry: Entry): void {
    delivery.#entry = entry;
  }

  /**
   * Undefined for a message that no session delivered.
   *
   * @internal
   */
  static entryOf(delivery: Delivery): Entry | undefined {
    return delivery.#entry;
  }
}
