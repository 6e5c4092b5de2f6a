/**
 * A program that unsubscribes when its parent tells it to, and then must exit by itself. Run by life-exit-spec.ts:
 *
 *   life-program.ts <what> <config as JSON>
 */
import { writeSync } from 'node:fs';
import { fromEvent, merge, NEVER, tap, type Observable, type Subscription } from 'rxjs';
import {
  ackAfter,
  createSlot,
  logicalReplication,
  stopOn,
  transactions,
  type PgoutputConfig,
} from '../../../lib/index';
import { LoopClock } from '../../support/loop-clock';

const [, , what = '', json = ''] = process.argv;
const config = JSON.parse(json) as PgoutputConfig;

/** Sends a message to the parent, if the parent still listens. */
const say = (word: string): void => {
  if (process.connected) process.send?.(word);
};
const leave$ = fromEvent(process, 'message');

const stream = (more: Partial<PgoutputConfig> = {}): Observable<unknown> =>
  logicalReplication({ ...config, ...more }).pipe(tap({ next: ({ kind }) => say(kind), error: () => say('error') }));

const PROGRAMS: Readonly<Record<string, () => Subscription>> = {
  stream: () => stream().subscribe({ error: () => undefined }),
  paused: () =>
    stream({
      statusObserver: {
        next: ({ paused }) => {
          if (paused) say('paused');
        },
      },
      statusInterval: 20,
    }).subscribe(),
  createSlot: () => createSlot({ connection: config.connection, slot: config.slot }).subscribe(),
  stopOn: () =>
    logicalReplication(config)
      .pipe(
        stopOn(merge(leave$, NEVER)),
        transactions(),
        ackAfter(() => say('transaction')),
      )
      .subscribe(),
};

const subscription = PROGRAMS[what]!();
say('subscribed');
leave$.subscribe(() => {
  const clock = new LoopClock();
  process.disconnect();
  if (what !== 'stopOn') subscription.unsubscribe();
  process.on('exit', () => void writeSync(1, String(clock.stop())));
});
// Nothing else, including the channel to the parent, may keep this process running.
process.once('message', () => process.removeAllListeners('message'));
