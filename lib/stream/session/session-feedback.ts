import type { StatusUpdate } from '../../config/observers';
import type { Ledger } from '../../ledger/ledger';
import { NoAckWatchdog } from './no-ack-watchdog';
import type { SessionLifecycle } from './session-lifecycle';
import type { SessionOptions, SessionPorts } from './session-ports';
import { MIN_STATUS_INTERVAL_MS, StatusSender, type ReportedPositions } from './status-sender';
import { Watchdogs } from './watchdogs';

/** Between two time slices of the read loop a status update is sent once the last one is so many ms old. */
const OVERDUE = 100;

/** Status updates to the server, warnings to the user, and the timeouts of both sides. */
export class SessionFeedback {
  readonly #ports: SessionPorts;
  readonly #ledger: Ledger;
  readonly #lifecycle: SessionLifecycle;
  readonly #positions: ReportedPositions;
  readonly #sender: StatusSender;
  readonly #watchdogs: Watchdogs;
  readonly #noAck = new NoAckWatchdog();
  /** Whether a status update is scheduled within the shortest interval: no change can then require an earlier one. */
  #isScheduled = false;

  constructor(
    ports: SessionPorts,
    ledger: Ledger,
    lifecycle: SessionLifecycle,
    positions: ReportedPositions,
    { livenessTimeout, ackTimeout }: SessionOptions,
  ) {
    this.#ports = ports;
    this.#ledger = ledger;
    this.#lifecycle = lifecycle;
    this.#positions = positions;
    this.#sender = new StatusSender(ports.transport, ports.timers, positions);
    this.#watchdogs = new Watchdogs(livenessTimeout, ackTimeout);
  }

  get status(): StatusUpdate {
    return {
      receivedLsn: this.#positions.receivedLsn,
      confirmedLsn: this.#positions.confirmedLsn,
      unackedMessages: this.#ledger.unackedMessages,
      unackedBytes: this.#ledger.unackedBytes,
      paused: this.#lifecycle.isDelivering() && this.#ledger.isFull(),
    };
  }

  /** Something was received from the server. */
  recordReceived(): void {
    this.#watchdogs.recordReceived();
  }

  /** The server has asked for a reply. */
  requireReply(): void {
    this.#sender.requireReply();
  }

  /** An operator has received a delivery and will acknowledge it. */
  expectAcks(): void {
    this.#noAck.expectAcks();
  }

  send(requestReply = false): void {
    this.#isScheduled = false;
    const { status } = this;
    this.#sender.send(requestReply);
    this.#ports.observer.statusSent(status);
  }

  sendIfOverdue(): void {
    if (this.#lifecycle.sendsStatus && this.#sender.wasLastSentBefore(OVERDUE)) this.send();
  }

  /** Sends or schedules a status update, if there is something to report. */
  sendIfDue(): void {
    if (this.#isScheduled) return;
    const delay = this.#sender.getDelay();
    if (delay === 0) {
      this.send();
    } else if (delay !== undefined) {
      this.#isScheduled = delay <= MIN_STATUS_INTERVAL_MS;
      this.#ports.timers.scheduleReport(delay);
    }
  }

  /** A report that was scheduled is due. */
  report(): void {
    this.#isScheduled = false;
    this.sendIfDue();
  }

  /**
   * @param ms since the last tick
   * @param isReading false while the library does not read, when silence means nothing
   * @returns the error that ends the stream
   */
  tick(ms: number, isReading: boolean): Error | undefined {
    const { stalled, stallRemedy } = this.#ledger;
    const { failure, warning, requestReply } = this.#watchdogs.tick(ms, isReading, stalled, stallRemedy);
    if (failure) return failure;
    // The user was warned already that nothing was acknowledged at all.
    const isKnown = this.#noAck.warned && !this.#ledger.acknowledged;
    if (warning !== undefined && !isKnown) this.#ports.observer.warn(warning);
    this.send(requestReply);
    return undefined;
  }

  /** Warns, at once or later, where the window is full and nothing was ever acknowledged. */
  checkWindow(): void {
    const isStuck = this.#lifecycle.isDelivering() && !this.#ledger.acknowledged && this.#ledger.isFull();
    const result = this.#noAck.check(this.#ports.timers.elapsed(), isStuck);
    if (typeof result === 'number') this.#ports.timers.scheduleReport(result);
    if (result !== 'warn') return;
    const { unackedMessages, unackedBytes, stalled, stallRemedy } = this.#ledger;
    const window = `The window is full (${unackedMessages} messages, ${unackedBytes} bytes), and nothing was ever acknowledged`;
    this.#ports.observer.warn(`${window}, so nothing more is read: ${stalled?.reason ?? ''}. ${stallRemedy}`);
  }
}
