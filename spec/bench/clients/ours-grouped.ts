/** This library with `transactions()`. Each transaction is acknowledged after a loop over its changes. */
import { ackAfter, logicalReplication, transactions } from '../../../lib/index';
import { runClient } from './harness';
import { configOf } from './ours-config';

runClient((task, tally, fail) => {
  const { config, closed } = configOf(task);
  let size = 0;
  const subscription = logicalReplication(config)
    .pipe(
      transactions(),
      ackAfter((tx) => {
        size += tx.size;
        for (const change of tx) {
          if (change.kind === 'insert' || change.kind === 'update' || change.kind === 'delete') {
            tally[change.kind] += 1;
          }
        }
        tally.check();
      }),
    )
    .subscribe({ error: fail });
  return {
    leave() {
      if (size !== tally.changes) throw new Error(`The sizes add up to ${size}, the changes to ${tally.changes}.`);
      subscription.unsubscribe();
      return closed;
    },
  };
});
