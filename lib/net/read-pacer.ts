/** Bytes in a ms from which a stream counts as busy. Some thousand small transactions in a second are fewer. */
const BUSY = 4 * 1024;
/** Bytes in a ms at which it is plain that the server sends as fast as it can. */
const FLOOD = 8 * 1024;
/** Over so many ms that is measured. */
const SPAN = 8;
/** What a read brings when there is more than it could take: there is a backlog already. */
export const FULL_READ = 64 * 1024;

/** The longest rest of a busy stream, and that of a flood, in ms. */
const LONGEST = 2;
const LONGEST_IN_FLOOD = 32;
/** A rest of twice the length brings at least so many times as much, unless the buffers are full before it is over. */
const MORE = 1.25;
/** After so many rests of one length a longer one is tried. */
const PATIENCE = 4;
/** After so many failures in a row even the shortest rest is of no use. */
const FAILURES = 3;
/** Reading then does without rests for so many ms; for twice as long each time that it is found out anew. */
const WITHOUT = 50;
const LONGEST_WITHOUT = 3200;

/**
 * When to let the kernel gather what comes.
 *
 * The server sends each message by itself. Whoever reads as fast as it sends pays for a wake-up and a system call per message,
 * and the server for a packet. Behind a reader that rests, the messages pile up in the server's own send buffer, where they
 * become few large packets, and the server is never kept waiting. So on a busy stream reading rests once all has been read
 * that was there: for longer and longer, as long as that brings more. A quiet stream never rests.
 */
export class ReadPacer {
  #since: number;
  #bytes = 0;
  #rate = 0;
  /** The last rest, in ms, and what has been read since. */
  #rest = 0;
  #brought = 0;
  /** What a rest of half the length has brought, while a longer one is tried. */
  #toExceed: number | undefined;
  /** How many rests of this length there have been. */
  #rests = 0;
  #failures = 0;
  #without = WITHOUT;
  #uselessUntil = -Infinity;

  /** @param now monotonic, in ms */
  constructor(now: number) {
    this.#since = now;
  }

  /**
   * To be asked when all has been taken that was read.
   *
   * @param bytes what that was
   * @param now monotonic, in ms
   * @returns for how many ms to rest
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
