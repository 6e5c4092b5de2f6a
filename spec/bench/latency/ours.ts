/** The measured client with this library: no operators, defaults, and every message acknowledged. */
import { logicalReplication } from '../../../lib/index';
import { configOf } from '../clients/ours-config';
import { onListenTask } from './listener';

onListenTask(({ task, arrivals, streaming, heard }) => {
  const { config } = configOf(task);
  const subscription = logicalReplication({ ...config, openObserver: { next: streaming } }).subscribe((message) => {
    const time = performance.now();
    if (message.kind === 'insert') arrivals.record(Number(message.new['sent']), time);
    message.ack();
    if (message.kind !== 'commit' || !arrivals.complete) return;
    heard();
    subscription.unsubscribe();
  });
});
