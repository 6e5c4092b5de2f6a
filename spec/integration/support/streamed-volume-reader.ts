/**
 * A process that reads one large transaction in batches, as a consumer that writes them would, and reports its resources. Run
 * by streamed-volume.ts:
 *
 *   streamed-volume-reader.ts <config as JSON>
 */
import { setImmediate as pause } from 'node:timers/promises';
import { take, tap } from 'rxjs';
import { ackAfter, logicalReplication, transactions, type StreamingConfig, type Transaction } from '../../../lib/index';
import { getPeakRss } from '../../support/peak-memory';

/** The messages of the process. */
export type Word = { readonly event: 'open' } | ({ readonly event: 'read' } & Reading);

export interface Reading {
  /** The number of complete rows whose ids are consecutive from 1 on. */
  readonly rows: number;
  /** RSS in bytes: at the start of the stream, and the maximum. */
  readonly baseline: number;
  readonly peak: number;
  /** From the first block to the commit, and for iterating over the changes. */
  readonly streaming: number;
  readonly iterating: number;
  readonly blocks: number;
}

const BATCH = 1000;

const config = JSON.parse(process.argv[2] ?? '') as StreamingConfig;
let baseline = 0;
let started = 0;
let blocks = 0;

function say(word: Word): void {
  process.send?.(word);
}

const seconds = (from: number): number => (performance.now() - from) / 1000;

async function iterate(tx: Transaction): Promise<void> {
  const streaming = seconds(started);
  const arrived = performance.now();
  let rows = 0;
  for (const change of tx) {
    if (change.kind !== 'insert') continue;
    if (change.new['id'] === rows + 1 && String(change.new['content']).length === 1000) rows++;
    if (rows % BATCH === 0) await pause();
  }
  const peak = getPeakRss();
  say({ event: 'read', rows, baseline, peak, streaming, iterating: seconds(arrived), blocks });
}

const openObserver = {
  next(): void {
    baseline = process.memoryUsage.rss();
    say({ event: 'open' });
  },
};

logicalReplication({ ...config, openObserver })
  .pipe(
    tap(({ kind }) => {
      if (kind !== 'streamStart') return;
      if (blocks++ === 0) started = performance.now();
    }),
    transactions(),
    ackAfter(async (tx) => {
      await iterate(tx);
      return [tx.xid];
    }),
    take(1),
  )
  .subscribe({
    complete() {
      process.disconnect();
    },
  });
