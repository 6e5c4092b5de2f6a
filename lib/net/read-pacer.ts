/** Bytes per ms from which a stream counts as busy: about 8,000 small transactions per second. */
const BUSY = 2 * 1024;
/** Bytes per ms from which the server is assumed to send as fast as it can. With short pauses slow machines reach only 5 KiB. */
const FLOOD = 4 * 1024;
/** The rate is measured over so many ms, and over so many reads: the first read after a pause may be a small part of what has come. */
const MEASURED_MS = 16;
const MEASURED_READS = 3;
/** Bytes of a read that leaves more to be read: there is a backlog already. */
export const FULL_READ = 64 * 1024;

/** The longest pause on a busy stream, and on a flooded one, in ms. */
const MAX_PAUSE = 2;
const MAX_PAUSE_IN_FLOOD = 32;
/** A length is judged after so many pauses. */
const PAUSES_PER_LENGTH = 4;
/** A length that was found to be right is judged so many times before another one is tried. */
const ROUNDS_BEFORE_TRIAL = 16;
/** The same for short pauses: while the rate fluctuates, a longer one may have failed by chance. */
const ROUNDS_OF_SHORT = 4;
/** A pause of twice the length is kept if the rate is at least this part of the rate before. */
const MIN_RATE_KEPT = 0.8;
/** After so many failures in a row even the shortest pause fills the buffers. */
const MAX_FAILURES = 3;
/** Reading is then not paused for so many ms, and for twice as long each time that this happens again. */
const MIN_SUSPEND_MS = 50;
const MAX_SUSPEND_MS = 3200;

/**
 * Decides when to pause reading, so that the kernel batches what the server sends.
 *
 * The server sends each message separately. A reader that reads each at once costs a wake-up and a system call per message, and
 * the server a packet. While the reader pauses, messages collect in the server's send buffer and are sent in few large packets;
 * the server does not wait. So on a busy stream reading pauses once everything available is read, for longer and longer as
 * long as the rate stays about the same. On a quiet stream it never pauses.
 *
 * This is not back-pressure, for which `ReadLoop` pauses the transport.
 */
export class ReadPacer {
  #measuredSince: number;
  #measuredBytes = 0;
  #measuredReads = 0;
  #rate = 0;
  /** The length of the present pauses, in ms; 0 while reading is not paused. */
  #pause = 0;
  /** The pauses of this length, the time when they began, and the bytes read since then. */
  #pauseCount = 0;
  #pausesSince = 0;
  #pausesBytes = 0;
  /** While another length is tried: which one, and the rate before. */
  #trial: 'longer' | 'shorter' | undefined;
  #rateBefore = 0;
  /** How many times the length is judged before another one is tried. */
  #roundsLeft = 0;
  #failures = 0;
  #suspendMs = MIN_SUSPEND_MS;
  #suspendedUntil = -Infinity;

  /** @param now monotonic, in ms */
  constructor(now: number) {
    this.#measuredSince = now;
  }

  /**
   * Called after each emission.
   *
   * @param bytes the number of bytes emitted
   * @param now monotonic, in ms
   * @returns for how many ms to pause
   */
  recordReadAndChoosePause(bytes: number, now: number): number {
    this.#measuredBytes += bytes;
    this.#pausesBytes += bytes;
    if (bytes >= FULL_READ) return 0;
    this.#measure(now);
    if (this.#rate < BUSY || now < this.#suspendedUntil) this.#pause = 0;
    else if (this.#pause === 0) this.#setPause(1, now);
    else if (++this.#pauseCount === PAUSES_PER_LENGTH) this.#judge(now);
    return this.#pause;
  }

  #measure(now: number): void {
    const span = now - this.#measuredSince;
    if (++this.#measuredReads < MEASURED_READS || span < MEASURED_MS) return;
    this.#rate = this.#measuredBytes / span;
    this.#measuredSince = now;
    this.#measuredBytes = 0;
    this.#measuredReads = 0;
  }

  /** Keeps the length or tries another one, by the rate that the present one had. */
  #judge(now: number): void {
    const rate = this.#pausesBytes / (now - this.#pausesSince);
    const pause = this.#pause;
    const longest = rate < FLOOD ? MAX_PAUSE : MAX_PAUSE_IN_FLOOD;
    if (pause > longest) {
      this.#setPause(longest, now);
    } else if (this.#trial === 'longer' && rate < this.#rateBefore * MIN_RATE_KEPT) {
      this.#failLonger(now);
    } else if (this.#trial === 'shorter' && rate * MIN_RATE_KEPT <= this.#rateBefore) {
      this.#keep(pause * 2, now);
    } else if (this.#roundsLeft > 1) {
      this.#keep(pause, now, this.#roundsLeft - 1);
    } else if (this.#trial === 'shorter' || (pause === longest && pause > MAX_PAUSE && this.#trial === undefined)) {
      // The rate may have risen, or the buffers may have shrunk, so that a pause lasts longer than they take to fill.
      if (pause > MAX_PAUSE) this.#setPause(pause / 2, now, 'shorter', rate);
      else this.#setPause(pause, now);
    } else {
      if (this.#trial === 'longer') {
        this.#failures = 0;
        this.#suspendMs = MIN_SUSPEND_MS;
      }
      if (pause < longest) this.#setPause(pause * 2, now, 'longer', rate);
      else this.#keep(pause, now);
    }
  }

  /** The rate has fallen: the buffers were probably full before the pauses ended. */
  #failLonger(now: number): void {
    if (this.#pause > MAX_PAUSE * 2) {
      // The length before may be too long by now, too.
      this.#setPause(this.#pause / 4, now, 'shorter', this.#rateBefore);
    } else if (this.#pause > MAX_PAUSE) {
      this.#keep(MAX_PAUSE, now, ROUNDS_OF_SHORT);
    } else if (++this.#failures < MAX_FAILURES) {
      this.#setPause(this.#pause / 2, now);
    } else {
      this.#pause = 0;
      this.#failures = 0;
      this.#suspendedUntil = now + this.#suspendMs;
      this.#suspendMs = Math.min(this.#suspendMs * 2, MAX_SUSPEND_MS);
    }
  }

  /** No better length is known. */
  #keep(ms: number, now: number, rounds = ROUNDS_BEFORE_TRIAL): void {
    this.#setPause(ms, now);
    this.#roundsLeft = rounds;
  }

  /** @param rateBefore the rate with the pauses until now, if this length is a trial */
  #setPause(ms: number, now: number, trial?: 'longer' | 'shorter', rateBefore = 0): void {
    this.#pause = ms;
    this.#pauseCount = 0;
    this.#pausesSince = now;
    this.#pausesBytes = 0;
    this.#roundsLeft = 0;
    this.#trial = trial;
    this.#rateBefore = rateBefore;
  }
}
