/**
 * Streams the output of another plugin, test_decoding, from a temporary slot.
 *
 *   DATABASE_URL=… node --import tsx examples/raw-plugin.ts
 */
import { fromEvent } from 'rxjs';
import { ackAfter, logicalReplication, stopOn } from 'rxjs-pg-replication';

logicalReplication({
  connection: process.env['DATABASE_URL'],
  slot: 'example_text',
  plugin: 'test_decoding',
  pluginOptions: { 'skip-empty-xacts': '1', 'include-timestamp': '1' },
  ensureSlot: { temporary: true },
  openObserver: { next: ({ slot }) => console.log(`Listening with ${slot.plugin}.`) },
})
  .pipe(
    stopOn(fromEvent(process, 'SIGINT')),
    ackAfter((message) => {
      if (message.kind === 'xlogData') console.log(message.data.toString());
    }),
  )
  .subscribe({ complete: () => console.log('Stopped.') });
