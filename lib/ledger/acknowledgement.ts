import type { Checkpoint, StreamSource } from './checkpoint';
import { ReplicationError } from '../common/errors';
import { formatLsn, type Lsn } from '../common/lsn';
import type { StreamHistory } from './stream-history';

/** What a subscriber acknowledges when its work is done. */
export interface Acknowledgeable {
  /**
   * Acknowledges this delivery. It is idempotent, may be called in any order, and works unbound
   * (`.subscribe(({ ack }) => ack())`).
   *
   * @returns false when it is too late: the subscription has ended, and the delivery may be repeated.
   */
  readonly ack: () => boolean;
}

/** What operators may ask of the session of a delivery. */
export interface SessionControl {
  readonly source: StreamSource;
  /** Ends delivery at a message of this session. */
  readonly stops: StopControl;
  /** An operator has received a delivery and acknowledges it when its work is done, however long that takes. */
  expectAcks(): void;
  /** The confirmed LSN, whether or not it was sent to the server: what commits before it is not delivered again. */
  readonly confirmed: Lsn;
  /** Whether anything is confirmed at all; otherwise everything is delivered again. */
  readonly confirms: boolean;
  /** Whether the consumer stores positions itself; then a keepalive counts only when it is acknowledged. */
  readonly consumerOwnsPosition: boolean;
  /** What this subscription and the earlier ones of its stream have delivered. */
  readonly history: StreamHistory;
  /** Ends delivery; the session stays connected until everything delivered is settled, then it closes. */
  stop(): void;
  /** Ends delivery after the transaction that is being delivered. */
  stopAtBoundary(): void;
  /**
   * The caller will settle nothing more. A session that drains after a stop closes, unless a `whenClosed` listener is left;
   * a session that streams goes on.
   */
  abandon(): void;
  /** Whether more messages may be delivered. */
  isStreaming(): boolean;
  /**
   * Calls back once when the session has closed; at once if it has closed already. The error is that of the session. Where
   * the session was stopped and something that an earlier subscription delivered is not confirmed, it is the error of that
   * subscription.
   */
  whenClosed(listener: (error?: unknown) => void): () => void;
  /** As `whenClosed`, but does not keep `abandon` from closing the session. */
  afterClose(listener: () => void): void;
}

/** Ends delivery at a message. What lies beyond the stop is never confirmed. */
export interface StopControl {
  /**
   * Ends delivery before the message: neither it nor what follows is confirmed.
   *
   * @param upTo as in `stopAfter`
   */
  stopBefore(handle: AckHandle, upTo?: Lsn): void;
  /**
   * Ends delivery after the message: what follows is not confirmed.
   *
   * @param upTo an LSN that is confirmed once everything before the stop is, where the stop names one
   */
  stopAfter(handle: AckHandle, upTo?: Lsn): void;
}

/** Settles a delivery: acknowledges it for the subscriber, or drops it for an operator. */
export interface AckHandle {
  readonly session: SessionControl;
  /** Of the transaction that the delivery belongs to, where that is known. */
  readonly xid: number | undefined;
  /** The delivery has reached an operator that will settle it. */
  markReached(): void;
  /** @returns false when the session closed first */
  settle(): boolean;
  /**
   * Settles a delivery that an operator drops. Where the consumer owns the position, this alone confirms nothing, as the
   * consumer cannot have stored its position.
   */
  discard(): void;
  /** Whether it is a keepalive whose position the consumer should store. */
  readonly isProgress: boolean;
  /** Takes the delivery out of the window: it will be settled as a member of a group. */
  gather(): void;
  /**
   * Of a Commit: makes one handle for all gathered changes, which counts against the window. Of a progress: makes a handle
   * that has to be settled.
   *
   * @param held bytes of the gathered changes that are still in memory; default: all
   */
  group(held?: number): AckHandle;
}

/**
 * A message or transaction with its handle, which is private: equality and JSON see data only.
 */
export abstract class Delivery implements Acknowledgeable {
  #handle: AckHandle | undefined;

  get ack(): () => boolean {
    return () => this.acknowledge();
  }

  /**
   * As calling `ack`, without the function that `ack` creates.
   *
   * @internal
   */
  acknowledge(): boolean {
    return this.#handle?.settle() ?? true;
  }

  /**
   * Settles what an operator does not pass on.
   *
   * @internal
   */
  static discard(delivery: Delivery): void {
    delivery.#handle?.discard();
  }

  /**
   * @internal
   * @throws {ReplicationError} `NOT_STREAMED`
   */
  static checkpointOf(delivery: Delivery, endLsn: Lsn): Checkpoint {
    if (!delivery.#handle)
      throw new ReplicationError('NOT_STREAMED', 'A checkpoint belongs to what a stream delivered');
    return { ...delivery.#handle.session.source, endLsn: formatLsn(endLsn) };
  }

  /** @internal */
  static attach(delivery: Delivery, handle: AckHandle): void {
    delivery.#handle = handle;
  }

  /**
   * Undefined for a message that no session delivered.
   *
   * @internal
   */
  static getHandle(delivery: Delivery): AckHandle | undefined {
    return delivery.#handle;
  }
}
