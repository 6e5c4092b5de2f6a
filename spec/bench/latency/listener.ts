import type { Task } from '../clients/task';
import { Arrivals } from './arrivals';
import { readClock, type ClockReading } from './clock';

/** Called when all rows have arrived. */
export interface Heard {
  readonly kind: 'heard';
  readonly stamps: Float64Array;
  readonly times: Float64Array;
  /** The first was read before the first row arrived, the second after the last. */
  readonly clocks: readonly [ClockReading, ClockReading];
}

export type ListenAnswer = { readonly kind: 'streaming' } | Heard;

/** Records the arrival of each change of the task, all of which are inserts. */
export interface Hearing {
  readonly task: Task;
  readonly arrivals: Arrivals;
  readonly streaming: () => void;
  readonly heard: () => void;
}

/** Runs a measured client in a separate process. It receives its task as a message and responds with messages. */
export function onListenTask(listen: (hearing: Hearing) => void | Promise<void>): void {
  process.once('message', (task: Task) => {
    const arrivals = new Arrivals(task.changes);
    const first = readClock();
    void listen({
      task,
      arrivals,
      streaming: (): void => answer({ kind: 'streaming' }),
      heard: () => {
        const { stamps, times } = arrivals;
        answer({ kind: 'heard', stamps, times, clocks: [first, readClock()] });
      },
    });
  });
  // The bench has all results, or has ended.
  process.once('disconnect', () => process.exit());
}

function answer(what: ListenAnswer): void {
  process.send?.(what);
}
