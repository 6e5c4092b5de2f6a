/** This library as the README has it: `transactions()`, and `ackAfter` with an asynchronous function. */
import { ackAfter } from '../../../lib/index';
import { runGrouped } from './grouped';

/** What the function awaits, in place of a store. */
const stored = Promise.resolve();

runGrouped((source, work) =>
  source.pipe(
    ackAfter(async (tx) => {
      work(tx);
      await stored;
    }),
  ),
);
