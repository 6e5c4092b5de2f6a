/** Bytes per ms from which a stream counts as busy. A few thousand small transactions per second are fewer. */
const BUSY = 4 * 1024;
/** Bytes per ms from which the server is assumed to send as fast as it can. */
const FLOOD = 8 * 1024;
/** The rate is measured over so many ms. */
const SPAN = 8;
/** Bytes of a read that leaves more to be read: there is a backlog already. */
export const FULL_READ = 64 * 1024;

/** The longest pause on a busy stream, and on a flooded one, in ms. */
const LONGEST = 2;
const LONGEST_IN_FLOOD = 32;
/** A pause of twice the length yields at least so many times as many bytes, unless the buffers fill up before it ends. */
const MORE = 1.25;
/** After so many pauses of one length a longer one is tried. */
const PATIENCE = 4;
/** After so many failures in a row even the shortest pause does not pay. */
const FAILURES = 3;
/** Reading is then not paused for so many ms, and for twice as long each time that this happens again. */
const WITHOUT = 50;
const LONGEST_WITHOUT = 3200;

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
  #since: number;
  #bytes = 0;
  #rate = 0;
  /** The last pause, in ms, and the bytes read since. */
  #rest = 0;
  #brought = 0;
  /** The bytes that a pause of half the length yielded, while a longer one is tried. */
  #toExceed: number | undefined;
  /** The number of pauses of this length. */
  #rests = 0;
  #failures = 0;
  #without = WITHOUT;
  #uselessUntil = -Infinity;

  /** @param now monotonic, in ms */
  constructor(now: number) {
    this.#since = now;
  }

  /**
   * Called when everything that was read is consumed.
   *
   * @param bytes the number of bytes read
   * @param now monotonic, in ms
   * @returns for how many ms to pause
   */
  getPause(bytes: number, now: number): number {
    this.#measure(bytes, now);
    this.#brought += bytes;
    if (bytes >= FULL_READ) return 0;
    this.#rest = this.#rate < BUSY || now < this.#uselessUntil ? 0 : this.#next(now);
    this.#brought = 0;
    return this.#rest;
  }

  #measure(bytes: number, now: number): void {
    this.#bytes += bytes;
    const span = now - this.#since;
    if (span < SPAN) return;
    this.#rate = this.#bytes / span;
    this.#since = now;
    this.#bytes = 0;
  }

  #next(now: number): number {
    const longest = this.#rate < FLOOD ? LONGEST : LONGEST_IN_FLOOD;
    const isTooLong = this.#toExceed !== undefined && this.#brought < this.#toExceed * MORE;
    const mayGrow = this.#toExceed === undefined ? ++this.#rests >= PATIENCE : !isTooLong;
    this.#toExceed = undefined;
    if (this.#rest === 0) return 1;
    if (isTooLong) {
      this.#rests = 0;
      if (this.#rest > 2 || ++this.#failures < FAILURES) return this.#rest / 2;
      this.#failures = 0;
      this.#uselessUntil = now + this.#without;
      this.#without = Math.min(this.#without * 2, LONGEST_WITHOUT);
      return 0;
    }
    if (this.#rest > 2) this.#without = WITHOUT;
    if (!mayGrow || this.#rest * 2 > longest) return Math.min(this.#rest, longest);
    this.#rests = 0;
    this.#toExceed = this.#brought;
    return this.#rest * 2;
  }
}
