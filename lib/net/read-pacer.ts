/** Bytes per ms from which a stream counts as busy. A few thousand small transactions per second are fewer. */
const BUSY = 4 * 1024;
/** Bytes per ms from which the server is assumed to send as fast as it can. */
const FLOOD = 8 * 1024;
/** The rate is measured over so many ms. */
const MEASURED_MS = 8;
/** Bytes of a read that leaves more to be read: there is a backlog already. */
export const FULL_READ = 64 * 1024;

/** The longest pause on a busy stream, and on a flooded one, in ms. */
const MAX_PAUSE = 2;
const MAX_PAUSE_IN_FLOOD = 32;
/** A pause of twice the length yields at least so many times as many bytes, unless the buffers fill up before it ends. */
const MIN_GAIN = 1.25;
/** After so many pauses of one length a longer one is tried. */
const PAUSES_BEFORE_LONGER = 4;
/** After so many failures in a row even the shortest pause brings no gain. */
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
 * long as that yields more. On a quiet stream it never pauses.
 *
 * This is not back-pressure, for which `ReadLoop` pauses the transport.
 */
export class ReadPacer {
  #measuredSince: number;
  #measuredBytes = 0;
  #rate = 0;
  /** The last pause, in ms, and the bytes read since. */
  #pause = 0;
  #bytesSincePause = 0;
  /** The bytes that a pause of half the length yielded, while a longer one is tried. */
  #toExceed: number | undefined;
  /** The number of pauses of this length. */
  #pauseCount = 0;
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
    this.#measure(bytes, now);
    this.#bytesSincePause += bytes;
    if (bytes >= FULL_READ) return 0;
    this.#pause = this.#rate < BUSY || now < this.#suspendedUntil ? 0 : this.#chooseNext(now);
    this.#bytesSincePause = 0;
    return this.#pause;
  }

  #measure(bytes: number, now: number): void {
    this.#measuredBytes += bytes;
    const span = now - this.#measuredSince;
    if (span < MEASURED_MS) return;
    this.#rate = this.#measuredBytes / span;
    this.#measuredSince = now;
    this.#measuredBytes = 0;
  }

  #chooseNext(now: number): number {
    const longest = this.#rate < FLOOD ? MAX_PAUSE : MAX_PAUSE_IN_FLOOD;
    const isTooLong = this.#toExceed !== undefined && this.#bytesSincePause < this.#toExceed * MIN_GAIN;
    const mayGrow = this.#toExceed === undefined ? ++this.#pauseCount >= PAUSES_BEFORE_LONGER : !isTooLong;
    this.#toExceed = undefined;
    if (this.#pause === 0) return 1;
    if (isTooLong) {
      this.#pauseCount = 0;
      if (this.#pause > 2 || ++this.#failures < MAX_FAILURES) return this.#pause / 2;
      this.#failures = 0;
      this.#suspendedUntil = now + this.#suspendMs;
      this.#suspendMs = Math.min(this.#suspendMs * 2, MAX_SUSPEND_MS);
      return 0;
    }
    if (this.#pause > 2) this.#suspendMs = MIN_SUSPEND_MS;
    if (!mayGrow || this.#pause * 2 > longest) return Math.min(this.#pause, longest);
    this.#pauseCount = 0;
    this.#toExceed = this.#bytesSincePause;
    return this.#pause * 2;
  }
}
