import type { SessionControl, StopControl } from '../../ledger/acknowledgement';
import type { StreamSource } from '../../ledger/checkpoint';
import { ConnectionError, ReplicationError } from '../../common/errors';
import type { Lsn } from '../../common/lsn';
import type { Ledger } from '../../ledger/ledger';
import type { SessionEnd, StreamHistory } from '../../ledger/stream-history';
import type { StatusUpdate } from '../../config/observers';
import type { FrameDecoder } from '../../wire/frames';
import { encodeCopyDone, encodeTerminate } from '../../wire/frontend';
import { MessageDelivery } from './message-delivery';
import { PendingTypeLookups } from './pending-type-lookups';
import { ReadLoop } from './read-loop';
import { SessionFeedback } from './session-feedback';
import { createSessionLedger } from './session-ledger';
import { SessionLifecycle } from './session-lifecycle';
import { SessionPositions } from './session-positions';
import type { PayloadDecoder, SessionOptions, SessionPorts } from './session-ports';
import { StreamPosition } from './stream-position';
import { StreamReader } from './stream-reader';

/**
 * A stream from CopyBoth to its end. Bytes, time and acknowledgements come in as calls; what follows from them goes out to the
 * ports. {@link SessionLifecycle} has the states, {@link ReadLoop} reads, {@link MessageDelivery} delivers, and
 * {@link SessionFeedback} reports to the server.
 */
export class ReplicationSession implements SessionControl {
  readonly redelivers = true;
  readonly #options: SessionOptions;
  readonly #ports: SessionPorts;
  readonly #lifecycle = new SessionLifecycle();
  readonly #reader: StreamReader;
  readonly #ledger: Ledger;
  readonly #types: PendingTypeLookups;
  readonly #positions: SessionPositions;
  readonly #feedback: SessionFeedback;
  readonly #delivery: MessageDelivery;
  readonly #loop: ReadLoop;
  /** The connection was lost while something received is not read yet. */
  #pendingDisconnect: { readonly cause: Error | undefined } | undefined;
  /** The monotonic time in ms from which on reading waits for acknowledgements. */
  #waitsSince: number | undefined;
  /** Whether the server has answered CopyDone, and so has read everything that was sent before. */
  #hasServerAnswered = false;

  constructor(frames: FrameDecoder, decode: PayloadDecoder, options: SessionOptions, ports: SessionPorts) {
    const lifecycle = this.#lifecycle;
    const position = new StreamPosition();
    this.#options = options;
    this.#ports = ports;
    this.#reader = new StreamReader(frames, decode);
    this.#ledger = createSessionLedger(this, options, ports, {
      confirmationChanged: () => {
        this.#reportOrClose();
      },
      windowReopened: () => {
        const waitedMs = this.#waitsSince === undefined ? 0 : ports.timers.elapsed() - this.#waitsSince;
        this.#waitsSince = undefined;
        ports.observer.windowReopened(this.#delivery.takeByteCount(), waitedMs);
        if (!this.#loop.isRunning && lifecycle.isDelivering()) ports.timers.scheduleRead();
      },
    });
    this.#types = new PendingTypeLookups(options.catalog, ports.lookUpTypes);
    this.#positions = new SessionPositions(this.#ledger, position, options);
    this.#feedback = new SessionFeedback(ports, this.#ledger, lifecycle, this.#positions, options);
    this.#delivery = new MessageDelivery(ports, this.#ledger, lifecycle, position, this.#types, options, {
      delivered: (isSubscribed) => {
        if (!isSubscribed) this.release();
        else if (lifecycle.state === 'stopRequested' && this.#delivery.isAtBoundary) this.stop();
      },
      replyRequested: () => {
        this.#feedback.requireReply();
      },
    });
    this.#loop = new ReadLoop(ports, this.#reader, this.#ledger, lifecycle, this.#types, this.#delivery, {
      waiting: () => {
        if (this.#ledger.isFull()) this.#waitsSince ??= ports.timers.elapsed();
        this.#feedback.checkWindow();
      },
      ended: () => {
        this.#hasServerAnswered = true;
        ports.transport.write(encodeTerminate());
        this.#end();
      },
    });
  }

  get source(): StreamSource {
    return this.#options.source;
  }

  get resumeLsn(): Lsn {
    return this.#positions.resumeLsn;
  }

  get confirms(): boolean {
    return this.#options.confirm;
  }

  get consumerOwnsPosition(): boolean {
    return this.#options.progressInterval !== undefined;
  }

  get stops(): StopControl {
    return this.#ledger;
  }

  get history(): StreamHistory {
    return this.#options.history;
  }

  /** What was delivered and confirmed, for the next session. Final once this one has ended. */
  get end(): SessionEnd {
    return this.#positions.getEnd(this.#hasServerAnswered, this.#lifecycle.wasStopped);
  }

  get status(): StatusUpdate {
    return this.#feedback.status;
  }

  /** Reads what was received with the answer to START_REPLICATION, in a turn of its own. */
  start(): void {
    this.#loop.yieldTurn();
  }

  receive(chunk: Buffer): void {
    if (this.#lifecycle.state === 'closed') return;
    this.#feedback.recordReceived();
    this.#reader.push(chunk);
    this.read();
  }

  /** Reads what was received, as far as the window and the time slice allow. */
  read(): void {
    if (this.#loop.isRunning || this.#lifecycle.state === 'closed') return;
    try {
      this.#loop.run();
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
    }
    // Feedback waits until everything received is read, so that a backlog is not confirmed message by message. Slow handlers
    // must not delay it, though: timers run only after the next time slice.
    if (this.#loop.hasYielded) this.#feedback.sendIfOverdue();
    else if (this.#pendingDisconnect) this.disconnected(this.#pendingDisconnect.cause);
    else this.#reportOrClose();
  }

  /** @param error why the types could not be looked up */
  completeTypeLookup(error?: Error): void {
    this.#types.complete(error);
    this.read();
  }

  /** A step of the feedback interval. */
  tick(ms: number): void {
    if (!this.#lifecycle.sendsStatus) return;
    const isReading = this.#lifecycle.isDelivering() && !this.#loop.mustWait && !this.#loop.hasYielded;
    const failure = this.#feedback.tick(ms, isReading);
    if (failure) this.fail(failure);
    else if (this.#delivery.hasPendingKeepalive) this.#ports.timers.scheduleRead();
  }

  /** A status update that `scheduleReport` asked for is due, unless one was sent meanwhile. */
  report(): void {
    if (!this.#lifecycle.sendsStatus) return;
    this.#feedback.report();
    this.#feedback.checkWindow();
  }

  /** The socket is closed, or the close timeout is over. */
  disconnected(cause?: Error): void {
    const { state, wasStopped } = this.#lifecycle;
    if (state === 'closed') return;
    // The server may have sent the reason: what was received is read first.
    if (this.isStreaming() && this.#loop.hasYielded) {
      this.#pendingDisconnect = { cause };
    } else if (state === 'closing' && !wasStopped) {
      this.#end();
    } else if (cause instanceof ReplicationError) {
      this.fail(cause);
    } else if (this.#reader.ended) {
      this.fail(new ConnectionError('SERVER_SHUTDOWN', 'The server ended the stream because it is stopping'));
    } else {
      this.fail(new ConnectionError('CONNECTION_LOST', 'The connection to the server was lost', { cause }));
    }
  }

  /** Ends the stream with an error. What was confirmed until now is still sent to the server. */
  fail(error: Error): void {
    const { sendsStatus, wasStopped } = this.#lifecycle;
    if (!this.#lifecycle.apply('end')) return;
    this.#ledger.close();
    if (sendsStatus) this.#feedback.send();
    this.#ports.transport.write(encodeTerminate());
    // After the end of the subscription the error is dropped.
    this.#end(sendsStatus || wasStopped ? error : undefined);
  }

  stop(): void {
    if (!this.#lifecycle.apply('stop')) return;
    if (this.#ledger.settled) {
      this.close();
    } else {
      this.#ports.transport.pause();
      this.#ports.subscriber.complete();
    }
  }

  stopAtBoundary(): void {
    this.#lifecycle.apply('requestStop');
    if (this.#delivery.isAtBoundary) this.stop();
  }

  /** The subscriber has unsubscribed. After a stop that is expected: what was delivered may still be acknowledged. */
  release(): void {
    if (this.#lifecycle.isDelivering()) this.close();
  }

  abandon(): void {
    if (this.#lifecycle.state === 'draining' && !this.#lifecycle.isAwaited) this.close();
  }

  expectAcks(): void {
    this.#feedback.expectAcks();
  }

  isStreaming(): boolean {
    return this.#lifecycle.isDelivering();
  }

  close(): void {
    if (!this.#lifecycle.apply('close')) return;
    this.#ledger.close();
    this.#ports.observer.closing(this.#lifecycle.wasStopped);
    // The server discards status updates that follow CopyDone, so the last one goes first.
    this.#feedback.send();
    this.#ports.transport.write(encodeCopyDone());
    this.read();
  }

  whenClosed(listener: (error?: unknown) => void): () => void {
    return this.#lifecycle.whenClosed(listener);
  }

  afterClose(listener: () => void): void {
    this.#lifecycle.afterClose(listener);
  }

  /** A delivery was settled: reports it, or closes the session if it was the last one before a stop. */
  #reportOrClose(): void {
    if (this.#loop.isRunning || !this.#lifecycle.sendsStatus) return;
    if (this.#delivery.hasPendingKeepalive && this.#ledger.unackedMessages === 0) this.#ports.timers.scheduleRead();
    if (this.#lifecycle.state === 'draining' && this.#ledger.settled) this.close();
    else this.#feedback.sendIfDue();
  }

  #end(cause?: Error): void {
    this.#lifecycle.apply('end');
    this.#lifecycle.notifyClosed(this.#ports.subscriber.end(cause));
  }
}
