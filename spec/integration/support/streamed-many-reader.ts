/**
 * A process that reads many streamed transactions that are open concurrently, and reports its resources. Run by
 * streamed-many-spec.ts:
 *
 *   streamed-many-reader.ts <how many transactions> <config as JSON>
 */
import { take, tap } from 'rxjs';
import { ackAfter, logicalReplication, transactions, type StreamingConfig } from '../../../lib/index';
import { getPeakRss } from '../../support/peak-memory';

/** The messages of the process. */
export type Word = { readonly event: 'open' | 'gathered' } | ({ readonly event: 'read' } & Reading);

export interface Reading {
  /** The number of complete rows in order, for each transaction. */
  readonly rows: readonly number[];
  /** RSS in bytes: at the start of the stream, and the maximum. */
  readonly baseline: number;
  readonly peak: number;
}

const count = Number(process.argv[2]);
const config = JSON.parse(process.argv[3] ?? '') as StreamingConfig;
const rows: number[] = [];
let baseline = 0;
let inserts = 0;

function say(word: Word): void {
  process.send?.(word);
}

/** The other process sends the number of inserts before the first commit. */
process.once('message', (expected: number) => {
  const timer = setInterval(() => {
    if (inserts < expected) return;
    clearInterval(timer);
    say({ event: 'gathered' });
  }, 20);
});

const openObserver = {
  next(): void {
    baseline = process.memoryUsage.rss();
    say({ event: 'open' });
  },
};

logicalReplication({ ...config, openObserver })
  .pipe(
    tap((message) => {
      if (message.kind === 'insert') inserts++;
    }),
    transactions(),
    ackAfter((tx) => {
      let next = 1;
      for (const change of tx) {
        if (change.kind !== 'insert') continue;
        if (change.new['id'] === next && String(change.new['content']).length === 1000) next++;
      }
      rows.push(next - 1);
      return [tx.xid];
    }),
    take(count),
  )
  .subscribe({
    complete() {
      say({ event: 'read', rows, baseline, peak: getPeakRss() });
      process.disconnect();
    },
  });
