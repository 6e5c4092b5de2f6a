import { formatLsn } from '../../lib/index';
import type { EndedEvent, StopState } from './events';

/** How a stop went: the state that it came in, and `completed` or the error's code. */
export interface StopOutcome {
  readonly state: StopState;
  readonly outcome: string;
}

/**
 * Holds the end of a stream to what it says. One that completes says that all is done whose work had begun, and confirmed;
 * one that ends with an error says that this is not so. One that was told to stop starts nothing more.
 */
export class Endings {
  readonly stops: StopOutcome[] = [];
  readonly #violated: (sentence: string) => void;
  /** Works of this subscription that have begun, and not succeeded. */
  readonly #undone = new Set<bigint>();
  #furthestDone = 0n;
  /** The state that the first stop came in. */
  #stopped: StopState | undefined;
  #deliveries = 0;
  #opened = false;

  constructor(violated: (sentence: string) => void) {
    this.#violated = violated;
  }

  /** Where the furthest work ends that has succeeded in this subscription. */
  get furthestDone(): bigint {
    return this.#furthestDone;
  }

  get hasOpened(): boolean {
    return this.#opened;
  }

  restarted(): void {
    this.#opened = false;
    this.#undone.clear();
    this.#furthestDone = 0n;
    this.#stopped = undefined;
    this.#deliveries = 0;
  }

  opened(): void {
    this.#opened = true;
    this.#deliveries = 0;
  }

  begun(end: bigint): void {
    this.#undone.add(end);
  }

  done(end: bigint): void {
    this.#undone.delete(end);
    if (end > this.#furthestDone) this.#furthestDone = end;
  }

  /** A work has failed after it had been done. */
  undone(end: bigint): void {
    this.#undone.add(end);
  }

  delivered(): void {
    if (this.#stopped === undefined) return;
    this.#deliveries++;
    // The one that the stop came in is delivered to its end.
    if (this.#deliveries === 2) this.#violated(`delivered more after it was told to stop (${this.#stopped})`);
  }

  stopping(state: StopState): void {
    if (this.#stopped === undefined) this.#stopped = state;
    else this.stops.push({ state, outcome: 'told again' });
  }

  /** Another attempt is to follow. */
  tried(code: string): void {
    if (this.#stopped === undefined) return;
    this.#violated(`tried again after it was told to stop (${this.#stopped}), because of ${code}`);
  }

  ended({ event, code, message, spools }: EndedEvent, confirmed: bigint): void {
    const state = this.#stopped;
    if (state === undefined) {
      this.#violated(
        event === 'completed' ? 'completed, though nobody told it to stop' : `gave up: ${code}, ${message}`,
      );
    } else this.stops.push({ state, outcome: event === 'completed' ? event : code });
    if (event === 'completed') this.#check(state, confirmed, spools);
  }

  #check(state: StopState | undefined, confirmed: bigint, spools: number): void {
    const what = `completed untruly after a stop (${state ?? 'none'})`;
    for (const end of this.#undone) this.#violated(`${what}: the work up to ${formatLsn(end)} was not done`);
    if (confirmed < this.#furthestDone) {
      const done = formatLsn(this.#furthestDone);
      this.#violated(`${what}: it was done up to ${done}, and had confirmed up to ${formatLsn(confirmed)}`);
    }
    if (spools > 0) this.#violated(`completed with ${spools} spool files open`);
  }
}
