import { of, timer, type Observable } from 'rxjs';
import { ackAfter, logicalReplication, transactions, type PgoutputConfig } from '../../lib/index';

/*
 * A process with nothing in it but a subscriber that handles ten transactions a second: what its memory peaks at is
 * the library's. It says when it has begun, leaves after so many ms, and says what it took.
 */

const [shape, stayed, json = ''] = process.argv.slice(2);
let baseline = 0;
let handled = 0;
let pausedUpdates = 0;

function say(what: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

const stream = logicalReplication({
  ...(JSON.parse(json) as PgoutputConfig),
  openObserver: {
    next() {
      baseline = process.memoryUsage.rss();
      say({ event: 'open' });
    },
  },
  statusObserver: {
    next({ paused }) {
      if (paused) pausedUpdates++;
    },
  },
  closeObserver: {
    next() {
      // In KiB.
      const peak = process.resourceUsage().maxRSS * 1024;
      say({ event: 'closed', baseline, peak, handled, pausedUpdates });
    },
  },
});

const handle = (): Observable<number> => {
  handled++;
  return timer(100);
};

const work =
  shape === 'grouped'
    ? stream.pipe(transactions(), ackAfter(handle))
    : stream.pipe(ackAfter((message) => (message.kind === 'commit' ? handle() : of(0))));

const subscription = work.subscribe();
setTimeout(() => subscription.unsubscribe(), Number(stayed));
