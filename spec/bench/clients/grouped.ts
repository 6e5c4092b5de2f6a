import type { Observable } from 'rxjs';
import { logicalReplication, transactions, type Transaction } from '../../../lib/index';
import { runClient } from './harness';
import { configOf } from './ours-config';

/**
 * This library with `transactions()`.
 *
 * @param acknowledge acknowledges each transaction after `work`, a loop over its changes
 */
export function runGrouped(
  acknowledge: (source: Observable<Transaction>, work: (tx: Transaction) => void) => Observable<unknown>,
): void {
  runClient((task, tally, fail) => {
    const { config, closed } = configOf(task);
    let size = 0;
    const work = (tx: Transaction): void => {
      size += tx.size;
      for (const change of tx) {
        if (change.kind === 'insert' || change.kind === 'update' || change.kind === 'delete') tally[change.kind] += 1;
      }
      tally.check();
    };
    const subscription = acknowledge(logicalReplication(config).pipe(transactions()), work).subscribe({ error: fail });
    return {
      leave() {
        if (size !== tally.changes) throw new Error(`The sizes add up to ${size}, the changes to ${tally.changes}.`);
        subscription.unsubscribe();
        return closed;
      },
    };
  });
}
