/**
 * This library with one confirmation a second, by the simplest way that leaves all else as it is: of the commits one is
 * held back, so that nothing is confirmed beyond it, until a second is over. All other messages are acknowledged as they
 * come. To keep a second's messages and acknowledge them at once would cost memory of its own, and make prompt
 * confirmation look cheap.
 */
import { logicalReplication, type CommitMessage } from '../../../lib/index';
import { runClient } from '../clients/harness';
import { configOf } from '../clients/ours-config';

const INTERVAL = 1_000;
/** Under load one goes out every 100 ms, whatever is confirmed; and keepalives between two held commits are confirmed, too. */
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
