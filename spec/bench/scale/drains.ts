/**
 * Drains one workload after the other in the same process with this library, and says what each took between its first
 * change and its last: what connecting costs, and compiling in an earlier drain, is no cost of a change.
 */
import { logicalReplication } from '../../../lib/index';
import { configOf } from '../clients/ours-config';
import type { Task } from '../clients/task';

/** What a drain took between its first change and its last. */
export interface Cost {
  /** All that came. */
  readonly changes: number;
  readonly wallMs: number;
  /** Processor time. */
  readonly clientMicros: number;
}

async function drain(task: Task): Promise<Cost> {
  const { config, closed } = configOf(task);
  let changes = 0;
  let usage = process.cpuUsage();
  let started = 0;
  const cost = await new Promise<Cost>((resolve, reject) => {
    const subscription = logicalReplication(config).subscribe({
      next: (message) => {
        switch (message.kind) {
          case 'insert':
          case 'update':
          case 'delete':
            if (changes === 0) {
              usage = process.cpuUsage();
              started = performance.now();
            }
            changes += 1;
            message.ack();
            break;
          case 'commit':
            message.ack();
            if (changes >= task.changes) {
              const { user, system } = process.cpuUsage(usage);
              resolve({ changes, wallMs: performance.now() - started, clientMicros: user + system });
              subscription.unsubscribe();
            }
            break;
        }
      },
      error: reject,
    });
  });
  await closed;
  return cost;
}

process.once('message', (tasks: readonly Task[]) => {
  void (async () => {
    const costs: Cost[] = [];
    for (const task of tasks) costs.push(await drain(task));
    process.send?.(costs);
  })();
});
// The bench has heard enough, or is gone.
process.once('disconnect', () => process.exit());
