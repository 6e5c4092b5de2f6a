/**
 * This library with one confirmation per second, in the simplest way: one commit stays unacknowledged for a second, so nothing
 * beyond it is confirmed. All other messages are acknowledged immediately. Keeping a second's messages to acknowledge them
 * together would cost memory, and so make prompt confirmation look cheap.
 */
import { logicalReplication, type CommitMessage } from '../../../lib/index';
import { runClient } from '../clients/harness';
import { configOf } from '../clients/ours-config';

const INTERVAL = 1_000;
/** Under load, an update is sent every 100 ms in any case, and keepalives between two such commits are confirmed, too. */
const MOST_UPDATES_A_SECOND = 12;
const START = 5;

runClient((task, tally, fail) => {
  const { config, closed } = configOf(task);
  const started = performance.now();
  let held: CommitMessage | undefined;
  let updates = 0;
  const statusObserver = { next: () => (updates += 1) };
  const subscription = logicalReplication({ ...config, statusObserver }).subscribe({
    next: (message) => {
      switch (message.kind) {
        case 'insert':
        case 'update':
        case 'delete':
          tally[message.kind] += 1;
          message.ack();
          break;
        case 'commit':
          if (held) message.ack();
          else held = message;
          tally.check();
          break;
      }
    },
    error: fail,
  });
  const timer = setInterval(() => {
    held?.ack();
    held = undefined;
  }, INTERVAL);
  return {
    leave() {
      clearInterval(timer);
      const seconds = (performance.now() - started) / 1000;
      if (updates > START + MOST_UPDATES_A_SECOND * seconds) {
        fail(new Error(`In ${seconds.toFixed(1)} s there were ${updates} status updates.`));
      }
      subscription.unsubscribe();
      return closed;
    },
  };
});
