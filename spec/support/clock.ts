import { VirtualTimeScheduler } from 'rxjs';

/** Virtual time that advances on demand, so that periodic work can be observed for a limited time. */
export class Clock extends VirtualTimeScheduler {
  constructor() {
    super(undefined, 0);
  }

  /** Runs the actions that are due within this number of ms, and advances the time. */
  advance(ms = 0): void {
    this.maxFrames = this.frame + ms;
    this.flush();
    this.frame = this.maxFrames;
  }

  /** The number of scheduled actions. */
  get pending(): number {
    return this.actions.filter((action) => !action.closed).length;
  }
}

/** Lets the callbacks of settled promises run. */
export async function microtasks(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
