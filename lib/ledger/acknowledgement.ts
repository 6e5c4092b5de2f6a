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
  readonly resumeLsn: Lsn;
  /** Whether anything is confirmed at all; otherwise everything is delivered again. */
  readonly confirms: boolean;
  /**
   * Whether a later session delivers the same again, which its LSN then identifies. An initial copy begins again with other rows,
   * which can have the same LSN.
   */
  readonly redelivers: boolean;
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

/** The index of the delivery that ends a unit: the Commit or Prepare of a transaction, or the group that stands for it. */
export const UNIT_END = -1;

/**
 * Settles deliveries: acknowledges them for the subscriber, or drops them for an operator. The deliveries of a transaction
 * share one handle, or one for each subtransaction that is streamed; an index identifies each delivery.
 */
export interface AckHandle {
  readonly session: SessionControl;
  /** The transaction of the deliveries, if known. */
  readonly xid: number | undefined;
  /** Whether the delivery is a keepalive whose position the consumer should store. */
  readonly isProgress: boolean;
  /** The delivery has reached an operator that will settle it. */
  markReached(index: number): void;
  /**
   * @param bytes with which the delivery counts against the window
   * @param index among the changes of its unit; or {@link UNIT_END}
   * @param bySubscriber false where an operator drops it. Where the consumer owns the position, dropping confirms nothing, as
   * the consumer cannot have stored its position.
   * @returns false when the delivery stays unsettled: the session closed first, or it is not for operators to drop
   */
  settle(bytes: number, index: number, bySubscriber: boolean): boolean;
  /** A delivery that is settled, or gathered, was acknowledged. */
  recordRepeatedAck(): void;
  /** Takes the delivery out of the window: it will be settled as a member of a group. */
  gather(bytes: number, index: number): void;
  /**
   * Of a Commit or Prepare: attaches to `group` a handle for all gathered changes, which counts against the window in place
   * of `end`. Of a progress: attaches a handle that has to be settled.
   *
   * @param held bytes of the gathered changes that are still in memory; default: all
   */
  attachGroup(end: Delivery, group: Delivery, held?: number): void;
}

/** The state of a delivery that a session has emitted: its handle, its index there, and whether it needs settling. */
export class DeliveryState {
  constructor(
    readonly handle: AckHandle,
    /** The bytes that count against the window until it is settled; undefined once it is, or if it needs no settling. */
    public bytes: number | undefined,
    /** See {@link AckHandle.settle}. */
    readonly index: number,
  ) {}

  /** Marks the delivery as settled before it calls the handle, as a listener may settle it again. */
  settle(bySubscriber: boolean): boolean {
    const { bytes } = this;
    if (bytes === undefined) {
      if (bySubscriber) this.handle.recordRepeatedAck();
      return true;
    }
    this.bytes = undefined;
    if (this.handle.settle(bytes, this.index, bySubscriber)) return true;
    this.bytes = bytes;
    return false;
  }
}

/** A message or transaction. Its state after delivery is private: equality and JSON see data only. */
export abstract class Delivery implements Acknowledgeable {
  /**
   * Subclasses have a private field for it. V8 creates private fields several times faster in a class with few subclasses
   * than it would here.
   *
   * @internal
   */
  abstract deliveryState: DeliveryState | undefined;

  get ack(): () => boolean {
    return () => this.acknowledge();
  }

  /**
   * As calling `ack`, without the function that `ack` creates.
   *
   * @internal
   */
  acknowledge(): boolean {
    return this.deliveryState?.settle(true) ?? true;
  }

  /**
   * Settles what an operator does not pass on.
   *
   * @internal
   */
  static discard(delivery: Delivery): void {
    delivery.deliveryState?.settle(false);
  }

  /**
   * Takes a change out of the window: it will be settled as a member of a group.
   *
   * @internal
   */
  static gather(delivery: Delivery): void {
    const state = delivery.deliveryState;
    if (state?.bytes === undefined) return;
    const { bytes } = state;
    state.bytes = undefined;
    state.handle.gather(bytes, state.index);
  }

  /**
   * Attaches the handle that settles what was gathered.
   *
   * @param end the message that completes the group
   * @param held see {@link AckHandle.attachGroup}
   * @internal
   */
  static attachGroup(end: Delivery, group: Delivery, held?: number): void {
    end.deliveryState?.handle.attachGroup(end, group, held);
  }

  /**
   * The delivery has reached an operator that will settle it.
   *
   * @returns its session; undefined for a message that no session delivered
   * @internal
   */
  static markReached(delivery: Delivery): SessionControl | undefined {
    const state = delivery.deliveryState;
    state?.handle.markReached(state.index);
    return state?.handle.session;
  }

  /**
   * @internal
   * @throws {ReplicationError} `NOT_STREAMED`
   */
  static checkpointOf(delivery: Delivery, endLsn: Lsn): Checkpoint {
    const handle = Delivery.getHandle(delivery);
    if (!handle) throw new ReplicationError('NOT_STREAMED', 'A checkpoint belongs to what a stream delivered');
    return { ...handle.session.source, endLsn: formatLsn(endLsn) };
  }

  /**
   * @param bytes with which it counts against the window until it is settled; default: it needs no settling
   * @param index see {@link AckHandle.settle}
   * @internal
   */
  static attach(delivery: Delivery, handle: AckHandle, bytes?: number, index = UNIT_END): void {
    delivery.deliveryState = new DeliveryState(handle, bytes, index);
  }

  /**
   * Attaches a state that deliveries share, as none of them needs settling.
   *
   * @internal
   */
  static attachShared(delivery: Delivery, state: DeliveryState): void {
    delivery.deliveryState = state;
  }

  /**
   * The delivery is settled by other means than its own acknowledgement.
   *
   * @returns the bytes with which it counted against the window; undefined if it was settled before
   * @internal
   */
  static takeBytes(delivery: Delivery): number | undefined {
    const state = delivery.deliveryState;
    const bytes = state?.bytes;
    if (state) state.bytes = undefined;
    return bytes;
  }

  /**
   * Undefined for a message that no session delivered.
   *
   * @internal
   */
  static getHandle(delivery: Delivery): AckHandle | undefined {
    return delivery.deliveryState?.handle;
  }
}
