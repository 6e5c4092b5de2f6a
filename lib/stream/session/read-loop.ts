import type { Ledger } from '../../ledger/ledger';
import { BackendTag } from '../../wire/backend';
import type { MessageDelivery } from './message-delivery';
import type { PendingTypeLookups } from './pending-type-lookups';
import type { SessionLifecycle } from './session-lifecycle';
import type { SessionPorts } from './session-ports';
import type { StreamReader } from './stream-reader';
import { TimeSlice } from './time-slice';

/** The loop yields to timers and sockets after so many ms. */
const SLICE = 10;

/** What the session does about a state of the loop. */
export interface ReadLoopEvents {
  /** Reading has to wait for acknowledgements, or has ended by a stop. */
  waiting(): void;
  /** The server has answered CopyDone. */
  ended(): void;
}

/** Reads what was received, one frame at a time, as far as the window and the time slice allow. */
export class ReadLoop {
  readonly #ports: SessionPorts;
  readonly #reader: StreamReader;
  readonly #ledger: Ledger;
  readonly #lifecycle: SessionLifecycle;
  readonly #types: PendingTypeLookups;
  readonly #delivery: MessageDelivery;
  readonly #events: ReadLoopEvents;
  #isRunning = false;
  #hasYielded = false;
  /** Whether the present frame has to be read again. */
  #mustReadAgain = false;

  constructor(
    ports: SessionPorts,
    reader: StreamReader,
    ledger: Ledger,
    lifecycle: SessionLifecycle,
    types: PendingTypeLookups,
    delivery: MessageDelivery,
    events: ReadLoopEvents,
  ) {
    this.#ports = ports;
    this.#reader = reader;
    this.#ledger = ledger;
    this.#lifecycle = lifecycle;
    this.#types = types;
    this.#delivery = delivery;
    this.#events = events;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Whether another run is scheduled, in a turn of its own. */
  get hasYielded(): boolean {
    return this.#hasYielded;
  }

  /** Whether the window is full, or a type has to be looked up before the next message can be decoded. */
  get mustWait(): boolean {
    return this.#ledger.isFull() || this.#types.isPending;
  }

  /** @throws the error that ends the stream */
  run(): void {
    this.#isRunning = true;
    try {
      this.#hasYielded = false;
      this.#readFrames();
    } catch (error) {
      this.#mustReadAgain = this.#types.requestFor(error);
      if (!this.#mustReadAgain) throw this.#types.explain(error);
    } finally {
      this.#isRunning = false;
    }
  }

  /** Leaves the turn to timers and sockets, and goes on in a later one. */
  yieldTurn(): void {
    this.#hasYielded = true;
    this.#ports.timers.scheduleRead();
  }

  #readFrames(): void {
    const { transport, timers } = this.#ports;
    const slice = new TimeSlice(timers.elapsed(), SLICE);
    for (;;) {
      this.#delivery.deliverKeepalive();
      const { state } = this.#lifecycle;
      if (state === 'closed') return;
      if (state === 'draining' || (state !== 'closing' && this.mustWait)) {
        transport.pause();
        this.#events.waiting();
        return;
      }
      if (!this.#mustReadAgain && !this.#reader.next()) {
        transport.resume();
        return;
      }
      this.#mustReadAgain = false;
      if (state === 'closing') this.#discardFrame();
      else this.#readFrame();
      if (slice.countStep() && slice.checkClock(timers.elapsed())) {
        transport.pause();
        this.yieldTurn();
        return;
      }
    }
  }

  #readFrame(): void {
    const reader = this.#reader;
    const message = reader.read();
    if (message) this.#delivery.take(message, reader.size);
  }

  /** The rest of a transaction may follow CopyDone. */
  #discardFrame(): void {
    const { tag } = this.#reader;
    if (tag === BackendTag.ReadyForQuery) {
      this.#events.ended();
    } else if (tag === BackendTag.ErrorResponse && this.#lifecycle.wasStopped) {
      // The server sent the error before it read CopyDone, so the last confirmation is lost.
      this.#reader.read();
    }
  }
}
