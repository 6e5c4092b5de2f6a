import type { Checkpoint, StreamSource } from './checkpoint';
import { ReplicationError } from '../common/errors';
import { formatLsn, type Lsn } from '../common/lsn';
import type { StreamHistory } from './stream-history';

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
  readonly source: StreamSource;
  /** An operator has taken a delivery, and acknowledges it when its work is done, however long that takes. */
  attend(): void;
  /** What has been confirmed, whether or not the server has heard of it: what commits before does not come again. */
  readonly confirmed: Lsn;
  /** Whether anything is ever confirmed; without that, everything comes again. */
  readonly confirms: boolean;
  /** Whether the consumer stores positions itself, so that a keepalive counts only when it is acknowledged. */
  readonly consumerKeepsPosition: boolean;
  /** What this and the other subscriptions of its stream have delivered. */
  readonly history: StreamHistory;
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
  /**
   * Calls back once when the session has closed; at once if it has closed already. The error is what it has failed with or,
   * where it was stopped, what an earlier subscription has failed with of which something is still not confirmed.
   */
  whenClosed(listener: (error?: unknown) => void): () => void;
  /** The same for who does not wait for it: `abandon` closes the session all the same. */
  afterClose(listener: () => void): void;
}

/** A delivery's place in the ledger. */
export interface Entry {
  readonly session: SessionControl;
  /** Of the transaction that the delivery belongs to, where that is known. */
  readonly xid: number | undefined;
  /** An operator has got it that will settle it. */
  reached(): void;
  /** @returns false when the session closed first */
  settle(): boolean;
  /**
   * Settles what an operator drops: nobody will see it. Where the consumer keeps the position that confirms nothing by
   * itself, as nothing of it can have reached the store.
   */
  discard(): void;
  /** Whether it is a keepalive that a consumer who keeps the position should hear of. */
  readonly isProgress: boolean;
  /** Takes the delivery out of the window: a group that will be acknowledged as a whole has taken it over. */
  gather(): void;
  /**
   * Of a Commit: puts what its transaction gathered back into the window, as one entry. Of a progress: makes it a delivery
   * that is waited for.
   *
   * @param held how many bytes of what was gathered are still in memory; default: all
   */
  group(held?: number): Entry;
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

  /**
   * For operators, about what they do not pass on.
   *
   * @internal
   */
  static discard(delivery: Delivery): void {
    delivery.#entry?.discard();
  }

  /**
   * @internal
   * @throws {ReplicationError} `NOT_STREAMED`
   */
  static checkpointOf(delivery: Delivery, endLsn: Lsn): Checkpoint {
    if (!delivery.#entry) throw new ReplicationError('NOT_STREAMED', 'A checkpoint belongs to what a stream delivered');
    return { ...delivery.#entry.session.source, endLsn: formatLsn(endLsn) };
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
