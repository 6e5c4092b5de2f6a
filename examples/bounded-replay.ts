/**
 * Replays the transactions between two positions without moving the slot, so it can run any number of times:
 *
 *   DATABASE_URL=… node --import tsx examples/bounded-replay.ts [--from 0/16B6C50] [--to 0/16B7D00] [--slot s] [--publication p]
 *
 * Default: from the slot's confirmed position to the current end of the WAL. The server starts no earlier than there: an earlier
 * `--from` fails with SLOT_AHEAD.
 */
import { parseArgs } from 'node:util';
import { defer, forkJoin, map, switchMap, tap, toArray, type Observable } from 'rxjs';
import {
  formatLsn,
  identifySystem,
  logicalReplication,
  slotStatus,
  stopAtLsn,
  transactions,
  type Lsn,
  type Transaction,
} from 'rxjs-pg-replication';

const connection = process.env['DATABASE_URL'];
const { slot, publication, ...given } = parseArgs({
  options: {
    slot: { type: 'string', default: 'example' },
    publication: { type: 'string', default: 'example' },
    from: { type: 'string' },
    to: { type: 'string' },
  },
}).values;

const confirmed = slotStatus({ connection, slot }).pipe(map((status) => status?.confirmedFlushLsn ?? 0n));
const end = identifySystem({ connection }).pipe(map(({ walPosition }) => walPosition));

/** The transactions that commit at or after `from` and before `to`. */
function replay(from: Lsn | string, to: Lsn | string): Observable<Transaction> {
  return logicalReplication({ connection, slot, publications: [publication], startLsn: from, confirm: false }).pipe(
    stopAtLsn(to),
    transactions(),
  );
}

const before = forkJoin({ confirmed, end });
before
  .pipe(
    switchMap((position) => replay(given.from ?? position.confirmed, given.to ?? position.end)),
    tap((tx) => console.log(`${formatLsn(tx.commitLsn)}  ${tx.changes.map(({ kind }) => kind).join(', ')}`)),
    toArray(),
    switchMap((all) => defer(() => confirmed).pipe(map((position) => ({ count: all.length, position })))),
  )
  .subscribe(({ count, position }) => {
    console.log(`Replayed ${count} transactions. The slot's confirmed position is ${formatLsn(position)}.`);
  });
