import type { Ledger } from '../../ledger/ledger';
import type { AnyPgoutputMessage, ServerMessage, StreamMessage } from '../../pgoutput/messages/messages';
import type { KeepaliveMessage, XLogDataMessage } from '../../pgoutput/messages/walsender-messages';
import { KeepaliveCoalescer } from './keepalive-coalescer';
import { attachHandle } from './ledger-handles';
import type { PendingTypeLookups } from './pending-type-lookups';
import type { SessionLifecycle } from './session-lifecycle';
import type { SessionOptions, SessionPorts } from './session-ports';
import type { StreamPosition } from './stream-position';

/** What the session does about a delivery. */
export interface DeliveryEvents {
  /** @param isSubscribed false once the subscriber has unsubscribed */
  delivered(isSubscribed: boolean): void;
  /** The server asks for a status update. */
  replyRequested(): void;
}

/** Attaches to each message its handle in the ledger, and delivers it to the subscriber. */
export class MessageDelivery {
  readonly #ports: SessionPorts;
  readonly #ledger: Ledger;
  readonly #lifecycle: SessionLifecycle;
  readonly #position: StreamPosition;
  readonly #types: PendingTypeLookups;
  readonly #events: DeliveryEvents;
  readonly #keepalives: KeepaliveCoalescer;
  readonly #confirms: boolean;
  readonly #consumerOwnsPosition: boolean;
  #isInNext = false;
  /** Bytes delivered since the window last reopened, or since the start. */
  #byteCount = 0;

  constructor(
    ports: SessionPorts,
    ledger: Ledger,
    lifecycle: SessionLifecycle,
    position: StreamPosition,
    types: PendingTypeLookups,
    { confirm, progressInterval, startLsn = 0n }: SessionOptions,
    events: DeliveryEvents,
  ) {
    this.#ports = ports;
    this.#ledger = ledger;
    this.#lifecycle = lifecycle;
    this.#position = position;
    this.#types = types;
    this.#events = events;
    this.#keepalives = new KeepaliveCoalescer(progressInterval, startLsn);
    this.#confirms = confirm;
    this.#consumerOwnsPosition = progressInterval !== undefined;
  }

  /** Whether a stop may take effect: no transaction is open and no message is being delivered. */
  get isAtBoundary(): boolean {
    return !this.#position.inTransaction && !this.#isInNext;
  }

  /** Whether a keepalive waits until the deliveries before it are settled. */
  get hasPendingKeepalive(): boolean {
    return this.#keepalives.hasPending;
  }

  /** The bytes delivered since the last call. */
  takeByteCount(): number {
    const bytes = this.#byteCount;
    this.#byteCount = 0;
    return bytes;
  }

  /** @param bytes the size of its frame */
  take(message: ServerMessage, bytes: number): void {
    switch (message.kind) {
      // Most messages are one of these, and do not change the position.
      case 'insert':
      case 'update':
      case 'delete':
        break;
      case 'keepalive':
        this.#takeKeepalive(message);
        return;
      case 'relation':
        this.#types.requestMissing(message);
        break;
      default:
        this.#position.take(message);
    }
    this.#takeData(message, bytes);
  }

  /** Delivers the keepalive that waits, if it is due. */
  deliverKeepalive(): void {
    if (!this.#keepalives.hasPending || !this.#lifecycle.isDelivering()) return;
    const now = this.#ports.timers.elapsed();
    const message = this.#keepalives.takeDue(now, this.#ledger.unackedMessages > 0);
    if (!message) return;
    this.#attachKeepalive(message, now);
    this.#deliver(message);
    // After the delivery: a stop at this keepalive confirms no further than the stop says.
    if (this.#lifecycle.isDelivering()) this.#ledger.recordDelivered(message.walEnd);
  }

  #takeData(message: AnyPgoutputMessage | XLogDataMessage, bytes: number): void {
    this.#keepalives.discardPending();
    this.#byteCount += bytes;
    const ledger = this.#ledger;
    if (this.#confirms) attachHandle(ledger, message, bytes);
    else ledger.attachSettled(message);
    this.#deliver(message);
  }

  #takeKeepalive(message: KeepaliveMessage): void {
    this.#position.take(message);
    if (message.replyRequested) this.#events.replyRequested();
    this.#keepalives.put(message);
    this.deliverKeepalive();
  }

  #attachKeepalive(message: KeepaliveMessage, now: number): void {
    const ledger = this.#ledger;
    if (!this.#consumerOwnsPosition || !this.#confirms) {
      ledger.attachSettled(message);
      return;
    }
    // Inside a transaction its position holds only once the transaction is stored.
    const isProgress =
      !this.#position.inTransaction && this.#keepalives.claimProgress(message, now, ledger.confirmableLsn);
    ledger.attachKeepalive(message, message.walEnd, isProgress);
  }

  #deliver(message: StreamMessage): void {
    this.#isInNext = true;
    const isSubscribed = this.#ports.subscriber.deliver(message);
    this.#isInNext = false;
    this.#events.delivered(isSubscribed);
  }
}
