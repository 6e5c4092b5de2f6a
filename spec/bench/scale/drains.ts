/**
 * Drains workloads one after the other in one process with this library, and reports the time of each from its first change to
 * its last. This excludes the cost of connecting, and of compiling in an earlier drain.
 */
import { logicalReplication } from '../../../lib/index';
import { configOf } from '../clients/ours-config';
import type { Task } from '../clients/task';

/** The measurements of a drain from its first change to its last. */
export interface Cost {
  /** All changes received. */
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
// The bench has all results, or has ended.
process.once('disconnect', () => process.exit());
