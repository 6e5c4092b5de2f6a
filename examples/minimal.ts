import { fromEvent } from 'rxjs';
import { ackAfter, logicalReplication, stopOn, transactions } from 'rxjs-pg-replication';

logicalReplication({
  connection: process.env['DATABASE_URL'],
  slot: 'example',
  publications: ['example'],
  ensureSlot: true,
})
  .pipe(
    stopOn(fromEvent(process, 'SIGINT')),
    transactions(),
    ackAfter((tx) => console.log(JSON.stringify(tx))),
  )
  .subscribe({ complete: () => console.log('All that was shown is confirmed.') });
