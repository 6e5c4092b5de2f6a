/**
 * A program that spools a streamed transaction, and reports this and the received values. Run by streamed-crash-spec.ts:
 *
 *   streamed-program.ts <config as JSON> <folder of spool files>
 */
import { ackAfter, logicalReplication, transactions, type StreamingConfig } from '../../../lib/index';
import { openSpools } from '../../support/open-spools';

const [, , json = '', spoolDirectory = ''] = process.argv;
const config = JSON.parse(json) as StreamingConfig;

/** The messages to the parent. */
export type Word = { readonly spooling: number } | { readonly xid: number; readonly ids: readonly unknown[] };

function say(word: Word): void {
  process.send?.(word);
}

logicalReplication({ ...config, statusInterval: 100 })
  .pipe(
    transactions({ maxBytes: 1000, spoolDirectory }),
    ackAfter((tx) => say({ xid: tx.xid, ids: tx.changes.map((change) => 'new' in change && change.new['id']) })),
  )
  .subscribe();

setInterval(() => say({ spooling: openSpools() }), 20);
process.once('disconnect', () => process.exit());
