import { logicalReplication, type PgoutputConfig } from '../../../lib/index';
import { runClient } from './harness';
import { configOf } from './ours-config';

/** This library without operators: it decodes all rows and acknowledges each message. */
export function runFlat(more: Partial<PgoutputConfig> = {}): void {
  runClient((task, tally, fail) => {
    const { config, closed } = configOf(task);
    const subscription = logicalReplication({ ...config, ...more }).subscribe({
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
}
