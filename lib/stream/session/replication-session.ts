import { Delivery, type AckHandle, type SessionControl, type StopControl } from '../../ledger/acknowledgement';
import type { StreamSource } from '../../ledger/checkpoint';
import { ConnectionError, ReplicationError } from '../../common/errors';
import { maxLsn, type Lsn } from '../../common/lsn';
import type { AnyPgoutputMessage, StreamMessage } from '../../pgoutput/messages/messages';
import type { KeepaliveMessage, XLogDataMessage } from '../../pgoutput/messages/walsender-messages';
import type { SessionEnd, StreamHistory } from '../../ledger/stream-history';
import { BackendTag } from '../../wire/backend';
import type { FrameDecoder } from '../../wire/frames';
import { encodeCopyDone, encodeTerminate } from '../../wire/frontend';
import { openEntry } from './ledger-entries';
import { DroppedTransactionWatchdog } from './dropped-transaction-watchdog';
import { KeepaliveCoalescer } from './keepalive-coalescer';
import { Ledger } from '../../ledger/ledger';
import type { DropEvidence } from '../../ledger/unit-ledger';
import type { PayloadDecoder, SessionHost, SessionOptions } from './session-host';
import type { StatusUpdate } from '../../config/observers';
import { TimeSlice } from './time-slice';
import { StatusSender } from './status-sender';
import { StreamPosition } from './stream-position';
import { StreamReader } from './stream-reader';
import { PendingTypeLookups } from './pending-type-lookups';
import type { CommitUnit } from '../../ledger/commit-unit';
import { NoAckWatchdog } from './no-ack-watchdog';
import { Watchdogs } from './watchdogs';

/** A decode loop gives way to timers and sockets after so many ms. */
const SLICE = 10;
/** Between two slices a status update goes out once the last one is so many ms old. */
const OVERDUE = 100;

type State = 'streaming' | 'draining' | 'closing' | 'closed';

/**
 * The life of a stream from CopyBoth to its end: pulls frames while the window has room, delivers messages, answers
 * keepalives, stops, drains and takes leave. Pure: bytes, time and acknowledgements come in as calls, and what is to be
 * done goes out to the host.
 */
export class ReplicationSession implements SessionControl {
  readonly #reader: StreamReader;
  readonly #options: SessionOptions;
  readonly #host: SessionHost;
  readonly #ledger: Ledger;
  readonly #sender: StatusSender;
  readonly #watches: Watchdogs;
  readonly #unacknowledged = new NoAckWatchdog();
  readonly #keepalives: KeepaliveCoalescer;
  readonly #listeners = new Set<(error?: unknown) => void>();
  readonly #afterClose: (() => void)[] = [];
  #state: State = 'streaming';
  #stopped = false;
  #stopAsked = false;
  #delivering = false;
  #pumping = false;
  #yielded = false;
  readonly #position = new StreamPosition();
  readonly #types: PendingTypeLookups;
  /** Whether the present frame is to be read once more. */
  #again = false;
  /** What the subscriber was told when it was over. */
  #error: unknown;
  /** Whether the server has answered our CopyDone, and so has read all that we had sent before. */
  #answered = false;
  /** Bytes since the window was full, or since the start. */
  #delivered = 0;

  constructor(frames: FrameDecoder, decode: PayloadDecoder, options: SessionOptions, host: SessionHost) {
    this.#reader = new StreamReader(frames, decode);
    this.#options = options;
    this.#host = host;
    this.#watches = new Watchdogs(options.livenessTimeout, options.ackTimeout);
    this.#keepalives = new KeepaliveCoalescer(options.progressInterval, options.startLsn ?? 0n);
    this.#types = new PendingTypeLookups(options.catalog, (typeOids) => {
      host.lookUp(typeOids);
    });
    const dropped = new DroppedTransactionWatchdog(
      (ms, callback) => {
        host.later(ms, callback);
      },
      options.history.warned,
      (how) => {
        host.warnOfDroppedTransaction(how);
      },
    );
    const window = options.confirm ? options.window : { messages: Infinity, bytes: Infinity };
    const events = {
      advanced: () => {
        this.#settleUp();
      },
      relieved: () => {
        host.relieved(this.#delivered);
        this.#delivered = 0;
        if (!this.#pumping && this.#state === 'streaming') host.wake();
      },
      dropSuspected: (unit: CommitUnit, evidence: DropEvidence) => {
        dropped.suspect(unit, evidence);
      },
    };
    this.#ledger = new Ledger(window, this, events, this.consumerKeepsPosition ? 'consumer' : 'slot');
    this.#sender = new StatusSender(host, this.#ledger, this.#position, options.slotLsn ?? 0n);
    const { confirm, slotLsn = 0n, startLsn = 0n } = options;
    // A closed ledger confirms nothing, whatever happens.
    if (!confirm) this.#ledger.close();
    else if (startLsn > slotLsn) this.#ledger.resume(startLsn);
  }

  get source(): StreamSource {
    return this.#options.source;
  }

  get confirmed(): Lsn {
    return maxLsn(this.#ledger.confirmed, this.#options.startLsn ?? 0n);
  }

  get confirms(): boolean {
    return this.#options.confirm;
  }

  get consumerKeepsPosition(): boolean {
    return this.#options.progressInterval !== undefined;
  }

  get stops(): StopControl {
    return this.#ledger;
  }

  get history(): StreamHistory {
    return this.#options.history;
  }

  /** What counts when it is asked whether all that was delivered is confirmed. To be looked at once it is over. */
  get end(): SessionEnd {
    const { confirm, startLsn = 0n, slotLsn = 0n } = this.#options;
    const { receivedLsn, confirmedLsn } = this.#sender.status;
    // Nothing is confirmed: after a stop, what was read is done.
    if (!confirm) return { delivered: receivedLsn, confirmed: this.#answered && this.#stopped ? receivedLsn : 0n };
    // The slot shall stand where the store does.
    const stored = this.consumerKeepsPosition && startLsn > slotLsn ? startLsn : 0n;
    return {
      delivered: maxLsn(this.#ledger.delivered, stored),
      confirmed: this.#answered ? maxLsn(confirmedLsn, slotLsn) : 0n,
    };
  }

  get status(): StatusUpdate {
    return { ...this.#sender.status, paused: this.#state === 'streaming' && this.#ledger.isFull() };
  }

  receive(chunk: Buffer): void {
    if (this.#state === 'closed') return;
    this.#watches.heard();
    this.#reader.push(chunk);
    this.pump();
  }

  /** Takes what has been received, as far as the window and the time slice allow. */
  pump(): void {
    if (this.#pumping || this.#state === 'closed') return;
    this.#pumping = true;
    try {
      this.#yielded = this.#takeFrames();
    } catch (error) {
      this.#again = this.#types.requestFor(error);
      const reason = this.#types.explain(error);
      if (!this.#again) this.fail(reason instanceof Error ? reason : new Error(String(reason)));
      this.#yielded = false;
    } finally {
      this.#pumping = false;
    }
    // Feedback waits for an empty receive buffer, so that a backlog is not confirmed message by message. But handlers that
    // take all the time there is must not keep it waiting: timers have their turn only after the next slice.
    if (!this.#yielded) this.#settleUp();
    else if (this.#isAlive() && this.#sender.isOlderThan(OVERDUE)) this.#send(false);
  }

  /**
   * What `lookUp` asked for is known.
   *
   * @param error why it is not
   */
  typesKnown(error?: Error): void {
    this.#types.complete(error);
    this.pump();
  }

  /** A step of the feedback interval. */
  tick(ms: number): void {
    if (!this.#isAlive()) return;
    const reading = this.#state === 'streaming' && !this.#mustWait() && !this.#yielded;
    const { failure, warning, ask } = this.#watches.tick(ms, reading, this.#ledger.stalled, this.#ledger.stallRemedy);
    if (failure) {
      this.fail(failure);
      return;
    }
    // That nothing was acknowledged at all has been said.
    const isKnown = this.#unacknowledged.warned && !this.#ledger.acknowledged;
    if (warning !== undefined && !isKnown) this.#host.warn(warning);
    if (this.#keepalives.hasPending) this.#host.wake();
    this.#send(ask);
  }

  /** A report that was asked for with `reportIn` is due, unless one went out in the meantime. */
  report(): void {
    if (!this.#isAlive()) return;
    this.#reportIfDue();
    this.#lookAtWindow();
  }

  /** The socket is gone, or the time for taking leave is over. */
  disconnected(cause?: Error): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'closing' && !this.#stopped) {
      this.#end();
    } else if (cause instanceof ReplicationError) {
      this.fail(cause);
    } else if (this.#reader.ended) {
      this.fail(new ConnectionError('SERVER_SHUTDOWN', 'The server ended the stream because it is stopping'));
    } else {
      this.fail(new ConnectionError('CONNECTION_LOST', 'The connection to the server was lost', { cause }));
    }
  }

  /** Something ended the stream unasked. The server still hears what was confirmed until now. */
  fail(error: Error): void {
    if (this.#state === 'closed') return;
    const wasAlive = this.#isAlive();
    this.#ledger.close();
    this.#state = 'closed';
    if (wasAlive) this.#send(false);
    this.#host.send(encodeTerminate());
    // Whoever unsubscribed has taken leave already.
    this.#end(wasAlive || this.#stopped ? error : undefined);
  }

  stop(): void {
    if (this.#state !== 'streaming') return;
    this.#state = 'draining';
    this.#stopped = true;
    if (this.#ledger.settled) {
      this.close();
    } else {
      this.#host.hold(true);
      this.#host.complete();
    }
  }

  stopAtBoundary(): void {
    this.#stopAsked = true;
    // What is being delivered arrives before the completion: a handler may be who asks.
    if (!this.#position.inTransaction && !this.#delivering) this.stop();
  }

  /** Nobody listens any more. After a stop that is as it should be: what was delivered may still be acknowledged. */
  release(): void {
    if (this.#state === 'streaming') this.close();
  }

  abandon(): void {
    if (this.#state === 'draining' && this.#listeners.size === 0) this.close();
  }

  attend(): void {
    this.#unacknowledged.attend();
  }

  isStreaming(): boolean {
    return this.#state === 'streaming';
  }

  close(): void {
    if (!this.#isAlive()) return;
    this.#ledger.close();
    this.#state = 'closing';
    this.#host.closing(this.#stopped);
    // Feedback after CopyDone would be discarded, so this order matters.
    this.#send(false);
    this.#host.send(encodeCopyDone());
    this.pump();
  }

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

  #isAlive(): boolean {
    return this.#state === 'streaming' || this.#state === 'draining';
  }

  #lookAtWindow(): void {
    const isStuck = this.isStreaming() && !this.#ledger.acknowledged && this.#ledger.isFull();
    const verdict = this.#unacknowledged.look(this.#host.elapsed(), isStuck);
    if (typeof verdict === 'number') this.#host.reportIn(verdict);
    if (verdict !== 'warn') return;
    const { unackedMessages, unackedBytes, stalled, stallRemedy } = this.#ledger;
    const window = `The window is full (${unackedMessages} messages, ${unackedBytes} bytes), and nothing was ever acknowledged`;
    this.#host.warn(`${window}, so nothing more is read: ${stalled?.reason ?? ''}. ${stallRemedy}`);
  }

  /** Whether what has been received has to wait. */
  #mustWait(): boolean {
    return this.#ledger.isFull() || this.#types.isPending;
  }

  /** @returns whether it gave way with work left */
  #takeFrames(): boolean {
    const slice = new TimeSlice(this.#host.elapsed(), SLICE);
    for (;;) {
      this.#deliverKeepalive();
      if (this.#state === 'closed') return false;
      if (this.#state === 'draining' || (this.#state === 'streaming' && this.#mustWait())) {
        this.#host.hold(true);
        this.#lookAtWindow();
        return false;
      }
      if (!this.#again && !this.#reader.next()) {
        this.#host.hold(false);
        return false;
      }
      this.#again = false;
      this.#takeFrame();
      if (slice.shouldCheckClock() && slice.isOver(this.#host.elapsed())) {
        this.#host.hold(true);
        this.#host.wake();
        return true;
      }
    }
  }

  #takeFrame(): void {
    const reader = this.#reader;
    if (this.#state === 'closing') {
      // The rest of a transaction may still come; nobody wants it.
      if (reader.tag === BackendTag.ReadyForQuery) {
        this.#answered = true;
        this.#host.send(encodeTerminate());
        this.#end();
      } else if (reader.tag === BackendTag.ErrorResponse && this.#stopped) {
        // It crossed our farewell, which the server then did not read: the last confirmation is lost.
        reader.read();
      }
      return;
    }
    const message = reader.read();
    if (message?.kind === 'keepalive') this.#takeKeepalive(message);
    else if (message) this.#takeData(message, reader.size);
  }

  #takeData(message: AnyPgoutputMessage | XLogDataMessage, bytes: number): void {
    this.#keepalives.discardPending();
    this.#position.take(message);
    this.#delivered += bytes;
    const ledger = this.#ledger;
    Delivery.attach(message, this.#options.confirm ? openEntry(ledger, message, bytes) : ledger.nothing);
    if (message.kind === 'relation') this.#types.requestMissing(message);
    this.#deliver(message);
  }

  #takeKeepalive(message: KeepaliveMessage): void {
    this.#position.take(message);
    if (message.replyRequested) this.#sender.oweAnswer();
    this.#keepalives.put(message);
    this.#deliverKeepalive();
  }

  #deliverKeepalive(): void {
    if (!this.#keepalives.hasPending || this.#state !== 'streaming') return;
    const now = this.#host.elapsed();
    const message = this.#keepalives.takeDue(now, this.#ledger.unackedMessages > 0);
    if (!message) return;
    Delivery.attach(message, this.#keepaliveEntry(message, now));
    this.#deliver(message);
    // After the delivery: a stop at this keepalive confirms no further than the stop says.
    if (this.isStreaming()) this.#ledger.progress(message.walEnd);
  }

  #keepaliveEntry(message: KeepaliveMessage, now: number): AckHandle {
    const ledger = this.#ledger;
    if (!this.consumerKeepsPosition || !this.#options.confirm) return ledger.nothing;
    // Inside a transaction, what it says is true only once that has been stored.
    const isProgress =
      !this.#position.inTransaction && this.#keepalives.claimProgress(message, now, ledger.confirmableLsn);
    return ledger.keepalive(message.walEnd, isProgress);
  }

  #deliver(message: StreamMessage): void {
    this.#delivering = true;
    const heard = this.#host.deliver(message);
    this.#delivering = false;
    if (!heard) this.release();
    else if (this.#stopAsked && !this.#position.inTransaction) this.stop();
  }

  /** After something was settled: report it, or leave if it was the last thing before a stop. */
  #settleUp(): void {
    if (this.#pumping || !this.#isAlive()) return;
    if (this.#keepalives.hasPending && this.#ledger.unackedMessages === 0) this.#host.wake();
    if (this.#state === 'draining' && this.#ledger.settled) this.close();
    else this.#reportIfDue();
  }

  #reportIfDue(): void {
    const due = this.#sender.dueIn();
    if (due === 0) this.#send(false);
    else if (due !== undefined) this.#host.reportIn(due);
  }

  #send(ask: boolean): void {
    const { status } = this;
    this.#sender.send(ask);
    this.#host.reported(status);
  }

  #end(cause?: Error): void {
    const error = cause && this.#host.conclude(cause);
    this.#state = 'closed';
    this.#error = this.#host.closed(error);
    for (const listener of this.#listeners) listener(this.#error);
    this.#listeners.clear();
    for (const listener of this.#afterClose.splice(0)) listener();
  }
}
