/** This library as its messages come: all rows decoded, and each message acknowledged that waits for it. */
import { logicalReplication } from '../../../lib/index';
import { runClient } from './harness';
import { configOf } from './ours-config';

runClient((task, tally, fail) => {
  const { config, closed } = configOf(task);
  const subscription = logicalReplication(config).subscribe({
    next: (message) => {
      switch (message.kind) {
        case 'insert':
        case 'update':
        case 'delete':
          tally[message.kind] += 1;
          message.ack();
          break;
        case 'commit':
          message.ack();
          tally.check();
          break;
      }
    },
    error: fail,
  });
  return {
    leave() {
      subscription.unsubscribe();
      return closed;
    },
  };
});
