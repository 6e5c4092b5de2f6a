import { VirtualTimeScheduler } from 'rxjs';

/** Virtual time that moves as far as it is told, so that what repeats for ever can be watched for a while. */
export class Clock extends VirtualTimeScheduler {
  constructor() {
    super(undefined, 0);
  }

  /** Runs what is due within so many ms, and is then that much later. */
  advance(ms = 0): void {
    this.maxFrames = this.frame + ms;
    this.flush();
    this.frame = this.maxFrames;
  }

  /** What is still to be run. */
  get pending(): number {
    return this.actions.filter((action) => !action.closed).length;
  }
}

/** Lets promises that are settled go on. */
export async function microtasks(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
