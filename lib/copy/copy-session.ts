import type { Subscriber } from 'rxjs';
import type { SessionControl, StopControl } from '../ledger/acknowledgement';
import type { StreamSource } from '../ledger/checkpoint';
import type { CommitUnit } from '../ledger/commit-unit';
import { CopyLedger } from '../ledger/copy-ledger';
import type { StalledDelivery } from '../ledger/stalled-delivery';
import type { StreamHistory } from '../ledger/stream-history';
import type { WindowLimits } from '../ledger/window';
import type { Lsn } from '../common/lsn';
import type { InsertMessage } from '../pgoutput/messages/change-messages';
import { CopyProgressMessage, type CopyBeginMessage, type CopyEndMessage } from '../pgoutput/messages/copy-messages';
import type { StreamMessage } from '../pgoutput/messages/messages';
import { MESSAGE_OVERHEAD } from '../stream/session/ledger-handles';
import { SessionLifecycle } from '../stream/session/session-lifecycle';

/** A batch ends after so many rows, or so many bytes. */
const MAX_ROWS = 1000;
const MAX_BYTES = 256 * 1024;

export interface CopySessionOptions {
  readonly source: StreamSource;
  readonly history: StreamHistory;
  readonly window: WindowLimits;
  readonly consumerOwnsPosition: boolean;
  readonly consistentPoint: Lsn;
}

/** What the copy does about changes of its session. */
export interface CopySessionEvents {
  /** A full window is half empty again. */
  windowReopened(): void;
  /** No more is delivered: by a stop, or as the subscriber has unsubscribed. */
  deliveryEnded(): void;
  /** What was delivered before a stop is settled, or the subscriber has unsubscribed. */
  closed(): void;
}

/** The rows of a table that are delivered and whose batch has not ended. */
interface Batch {
  readonly unit: CommitUnit;
  rows: number;
  bytes: number;
}

/** The delivery of an initial copy, as operators see it. */
export class CopySession implements SessionControl {
  readonly confirms = true;
  readonly redelivers = false;
  /** A copy confirms nothing to the server. */
  readonly resumeLsn = 0n;
  readonly #options: CopySessionOptions;
  readonly #subscriber: Subscriber<StreamMessage>;
  readonly #events: CopySessionEvents;
  readonly #lifecycle = new SessionLifecycle();
  readonly #ledger: CopyLedger;
  readonly #open = new Set<TableDelivery>();
  #onSettled: (() => void) | undefined;
  #isInNext = false;
  #rows = 0;

  constructor(options: CopySessionOptions, subscriber: Subscriber<StreamMessage>, events: CopySessionEvents) {
    this.#options = options;
    this.#subscriber = subscriber;
    this.#events = events;
    this.#ledger = new CopyLedger(options.window, this, {
      confirmationChanged: () => {
        this.#checkSettled();
      },
      windowReopened: () => {
        events.windowReopened();
      },
      dropSuspected: () => undefined,
    });
  }

  get source(): StreamSource {
    return this.#options.source;
  }

  get history(): StreamHistory {
    return this.#options.history;
  }

  get consumerOwnsPosition(): boolean {
    return this.#options.consumerOwnsPosition;
  }

  get stops(): StopControl {
    return this.#ledger;
  }

  /** The number of rows delivered. */
  get rows(): number {
    return this.#rows;
  }

  get stalled(): StalledDelivery | undefined {
    return this.#ledger.stalled;
  }

  get stallRemedy(): string {
    return this.#ledger.stallRemedy;
  }

  /** Whether the next row has to wait. */
  mustWait(): boolean {
    return !this.isStreaming() || this.#ledger.isFull();
  }

  /** Delivers the begin or end of the copy. Resolves when everything delivered is acknowledged. */
  deliverBoundary(message: CopyBeginMessage | CopyEndMessage): Promise<void> {
    this.#ledger.openStandaloneUnit(message, this.#options.consistentPoint, MESSAGE_OVERHEAD);
    this.#deliver(message);
    return this.whenSettled();
  }

  /** Resolves when everything delivered is acknowledged. */
  whenSettled(): Promise<void> {
    return new Promise((resolve) => {
      this.#onSettled = resolve;
      this.#checkSettled();
    });
  }

  openTable(table: string): TableDelivery {
    return new TableDelivery(table, this.#options.consistentPoint, this.#ledger, this.#open, (message) => {
      if (message.kind === 'insert') this.#rows++;
      this.#deliver(message);
    });
  }

  expectAcks(): void {}

  isStreaming(): boolean {
    return this.#lifecycle.isDelivering();
  }

  stop(): void {
    if (!this.#lifecycle.apply('stop')) return;
    this.#events.deliveryEnded();
    this.#subscriber.complete();
    this.#checkSettled();
  }

  stopAtBoundary(): void {
    this.#lifecycle.apply('requestStop');
    this.#stopIfRequested();
  }

  abandon(): void {
    if (this.#lifecycle.state === 'draining' && !this.#lifecycle.isAwaited) this.close();
  }

  whenClosed(listener: (error?: unknown) => void): () => void {
    return this.#lifecycle.whenClosed(listener);
  }

  afterClose(listener: () => void): void {
    this.#lifecycle.afterClose(listener);
  }

  /** The subscriber has unsubscribed. After a stop that is expected: what was delivered may still be acknowledged. */
  release(): void {
    if (this.isStreaming()) this.close();
  }

  /** Ends the copy. */
  close(error?: unknown): void {
    if (this.#lifecycle.state === 'closed') return;
    const wasDelivering = this.isStreaming();
    this.#lifecycle.apply('end');
    this.#ledger.close();
    if (wasDelivering) this.#events.deliveryEnded();
    this.#events.closed();
    this.#lifecycle.notifyClosed(error);
  }

  #deliver(message: StreamMessage): void {
    this.#isInNext = true;
    this.#subscriber.next(message);
    this.#isInNext = false;
    if (this.#subscriber.closed) this.release();
    else this.#stopIfRequested();
  }

  #stopIfRequested(): void {
    // Inside `next`, operators further down have not received the message yet.
    if (this.#lifecycle.state !== 'stopRequested' || this.#isInNext) return;
    for (const table of this.#open) table.endBatch();
    this.stop();
  }

  #checkSettled(): void {
    if (!this.#ledger.settled) return;
    if (this.#lifecycle.state === 'draining') {
      this.close();
      return;
    }
    const onSettled = this.#onSettled;
    this.#onSettled = undefined;
    onSettled?.();
  }
}

/** The delivery of one table: its rows, and the end of each batch. */
export class TableDelivery {
  readonly #table: string;
  readonly #consistentPoint: Lsn;
  readonly #ledger: CopyLedger;
  readonly #open: Set<TableDelivery>;
  readonly #deliver: (message: InsertMessage | CopyProgressMessage) => void;
  #batch: Batch | undefined;
  #rows = 0;
  #bytes = 0;

  constructor(
    table: string,
    consistentPoint: Lsn,
    ledger: CopyLedger,
    open: Set<TableDelivery>,
    deliver: (message: InsertMessage | CopyProgressMessage) => void,
  ) {
    this.#table = table;
    this.#consistentPoint = consistentPoint;
    this.#ledger = ledger;
    this.#open = open;
    this.#deliver = deliver;
  }

  /** @param bytes the size of the row as it was received */
  deliverRow(row: InsertMessage, bytes: number): void {
    const batch = (this.#batch ??= this.#openBatch());
    batch.rows++;
    batch.bytes += bytes;
    this.#rows++;
    this.#bytes += bytes;
    this.#ledger.addRow(row, batch.unit, bytes + MESSAGE_OVERHEAD);
    this.#deliver(row);
    if (batch.rows >= MAX_ROWS || batch.bytes >= MAX_BYTES) this.endBatch();
  }

  endBatch(): void {
    const batch = this.#batch;
    if (!batch) return;
    this.#batch = undefined;
    this.#open.delete(this);
    const message = new CopyProgressMessage(this.#table, this.#rows, this.#bytes);
    this.#ledger.endBatch(message, batch.unit, this.#consistentPoint, MESSAGE_OVERHEAD);
    this.#deliver(message);
  }

  #openBatch(): Batch {
    this.#open.add(this);
    return { unit: this.#ledger.openBatch(), rows: 0, bytes: 0 };
  }
}
