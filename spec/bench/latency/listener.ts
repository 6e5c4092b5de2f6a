import type { Task } from '../clients/task';
import { Arrivals } from './arrivals';
import { readClock, type ClockReading } from './clock';

/** All rows have come. */
export interface Heard {
  readonly kind: 'heard';
  readonly stamps: Float64Array;
  readonly times: Float64Array;
  /** The first was read before the first row came, the other one after the last. */
  readonly clocks: readonly [ClockReading, ClockReading];
}

export type ListenAnswer = { readonly kind: 'streaming' } | Heard;

/** What a client under test works with: it takes down when each of the task's changes comes, all of them inserts. */
export interface Hearing {
  readonly task: Task;
  readonly arrivals: Arrivals;
  readonly streaming: () => void;
  readonly heard: () => void;
}

/** The frame of a client under test, which is a process of its own: its task comes as a message, answers go as such. */
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
  // The bench has heard enough, or is gone.
  process.once('disconnect', () => process.exit());
}

function answer(what: ListenAnswer): void {
  process.send?.(what);
}
