/** This library with a status update a second and nothing confirmed in them: it keeps no account of what is done. */
import { logicalReplication } from '../../../lib/index';
import { runClient } from '../clients/harness';
import { configOf } from '../clients/ours-config';

runClient((task, tally, fail) => {
  const { config, closed } = configOf(task);
  const subscription = logicalReplication({ ...config, confirm: false, statusInterval: 1_000 }).subscribe({
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
