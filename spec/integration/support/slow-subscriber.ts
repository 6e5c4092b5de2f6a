import { of, timer, type Observable } from 'rxjs';
import { ackAfter, logicalReplication, transactions, type PgoutputConfig } from '../../../lib/index';
import { getPeakRss } from '../../support/peak-memory';

/*
 * A process with nothing in it but a subscriber that handles transactions slowly, one at a time: what its memory peaks at is
 * the library's. It says when it has begun, leaves after so many transactions, and says what it took.
 *
 *   slow-subscriber.ts <task as JSON>
 */

export interface Task {
  readonly shape: 'flat' | 'grouped';
  /** The options of the stream: a PgoutputConfig or a StreamingConfig. */
  readonly config: object;
  /** How long it processes a transaction, in ms. */
  readonly handles: number;
  /** Unsubscribes after this number of transactions. */
  readonly leavesAfter: number;
  /** Does not unsubscribe before it has sent so many status updates while the window was full. */
  readonly pausedUpdates?: number;
}

const task = JSON.parse(process.argv[2] ?? '') as Task;
const { shape, config, handles, leavesAfter } = task;
let baseline = 0;
let handled = 0;
let pausedUpdates = 0;

function say(what: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

const stream = logicalReplication({
  ...(config as PgoutputConfig),
  openObserver: {
    next() {
      baseline = process.memoryUsage.rss();
      say({ event: 'open' });
    },
  },
  statusObserver: {
    next({ paused }) {
      if (paused) pausedUpdates++;
      leaveIfDone();
    },
  },
  closeObserver: {
    next() {
      say({ event: 'closed', baseline, peak: getPeakRss(), handled, pausedUpdates });
    },
  },
});

const handle = (): Observable<number> => {
  handled++;
  leaveIfDone();
  return timer(handles);
};

const work =
  shape === 'grouped'
    ? stream.pipe(transactions(), ackAfter(handle))
    : stream.pipe(ackAfter((message) => (message.kind === 'commit' ? handle() : of(0))));

const subscription = work.subscribe();

function leaveIfDone(): void {
  if (handled >= leavesAfter && pausedUpdates >= (task.pausedUpdates ?? 0))
    setImmediate(() => subscription.unsubscribe());
}
