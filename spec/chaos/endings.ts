import { formatLsn } from '../../lib/index';
import type { EndedEvent, StopState } from './events';

/** The result of a stop: the state in which it occurred, and `completed` or the error's code. */
export interface StopOutcome {
  readonly state: StopState;
  readonly outcome: string;
}

/**
 * Checks the end of a stream. On completion, all work that started must have succeeded and be confirmed; on an error,
 * something must be unfinished or unconfirmed. After a stop, no work may start.
 */
export class Endings {
  readonly stops: StopOutcome[] = [];
  readonly #violated: (sentence: string) => void;
  /** Projects of this subscription that have started, and not succeeded. */
  readonly #undone = new Set<bigint>();
  #furthestDone = 0n;
  /** The state in which the first stop occurred. */
  #stopped: StopState | undefined;
  #deliveries = 0;
  #opened = false;

  constructor(violated: (sentence: string) => void) {
    this.#violated = violated;
  }

  /** The highest end LSN of work that succeeded in this subscription. */
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

  /** Work failed after its changes were stored. */
  undone(end: bigint): void {
    this.#undone.add(end);
  }

  delivered(): void {
    if (this.#stopped === undefined) return;
    this.#deliveries++;
    // The transaction during which the stop occurred is delivered completely.
    if (this.#deliveries === 2) this.#violated(`delivered more after it was told to stop (${this.#stopped})`);
  }

  stopping(state: StopState): void {
    if (this.#stopped === undefined) this.#stopped = state;
    else this.stops.push({ state, outcome: 'told again' });
  }

  /** Another attempt follows. */
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
