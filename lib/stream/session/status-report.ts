import type { Lsn } from '../../common/lsn';
import { encodeStandbyStatusUpdate } from '../../wire/stream';

/** Changed confirmations are gathered for so many ms: a synchronous commit waits for them, a busy stream must not drown. */
const COALESCE = 5;
/** An answer that tells the server nothing new goes out once in so many ms: a stopping server asks again at once. */
const UNCHANGED = 100;

/** Keeps what the server was last told, and says when it should hear again. */
export class StatusReport {
  #received: Lsn = -1n;
  #confirmed: Lsn = -1n;
  #at = -Infinity;
  #answerOwed = false;
  readonly #started: number;

  /** @param started monotonic, in ms */
  constructor(started: number) {
    this.#started = started;
  }

  /**
   * @param elapsed monotonic, in ms
   * @param clock wall clock, in ms since 1970
   * @param ask whether the server shall answer; never true in an answer to the server
   */
  encode(received: Lsn, confirmed: Lsn, elapsed: number, clock: number, ask = false): Buffer {
    this.#received = received;
    this.#confirmed = confirmed;
    this.#at = elapsed;
    this.#answerOwed = false;
    return encodeStandbyStatusUpdate({
      written: received,
      flushed: confirmed,
      applied: confirmed,
      now: clock,
      replyRequested: ask,
    });
  }

  /** Whether the last report, or the start if there was none, is so many ms ago. */
  isOlderThan(ms: number, elapsed: number): boolean {
    return elapsed - Math.max(this.#at, this.#started) >= ms;
  }

  /** The server wants to hear from us. */
  oweAnswer(): void {
    this.#answerOwed = true;
  }

  /** In how many ms a report is due; undefined when only the interval asks for one. */
  dueIn(received: Lsn, confirmed: Lsn, elapsed: number): number | undefined {
    const since = elapsed - this.#at;
    if (confirmed !== this.#confirmed) return Math.max(0, COALESCE - since);
    if (!this.#answerOwed) return undefined;
    return Math.max(0, (received === this.#received ? UNCHANGED : COALESCE) - since);
  }
}
