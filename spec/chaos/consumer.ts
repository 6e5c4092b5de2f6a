/**
 * A consumer of the bank in a process of its own, so that it can be killed. It tells what happens to it in JSON lines:
 *
 *   consumer.ts <options as JSON>
 */
import { writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { tap, type Observable } from 'rxjs';
import {
  ackAfter,
  logicalReplication,
  reconnect,
  ReplicationError,
  transactions,
  type PgoutputConfig,
  type Transaction,
} from '../../lib/index';
import type { ConsumerCommand, ConsumerEvent, ConsumerOptions } from './events';
import { Store } from './store';

const { connection, slot, store: storeUrl, concurrent } = JSON.parse(process.argv[2] ?? '') as ConsumerOptions;

/** In one piece and at once, so that a process that is killed has told all that it has done. */
function say(event: ConsumerEvent): void {
  const line = Buffer.from(`${JSON.stringify(event)}\n`);
  for (let at = 0; at < line.length;) {
    try {
      at += writeSync(1, line, at);
    } catch (error) {
      // The pipe is full for the moment.
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
    }
  }
}

const commands: ConsumerCommand[] = [];
process.on('message', (command: ConsumerCommand) => commands.push(command));
// Nobody would end us otherwise, when the driver is gone.
process.on('disconnect', () => process.exit(0));

const codeOf = (error: unknown): string => (error instanceof ReplicationError ? error.code : String(error));
const span = ({ kind, commitLsn, endLsn }: Transaction) => ({
  progress: kind === 'progress',
  commit: String(commitLsn),
  end: String(endLsn),
});

async function work(tx: Transaction, store: Store | undefined): Promise<Transaction> {
  say({ event: 'work', ...span(tx) });
  const command = tx.kind === 'progress' ? undefined : commands.shift();
  if (command?.command === 'hang') await delay(command.ms);
  if (command?.command === 'fail' && !command.stored) return fail(tx);
  if (store) await store.apply(tx);
  else await delay(Math.random() * 10);
  say({ event: 'done', ...span(tx) });
  return command?.command === 'fail' ? fail(tx) : tx;
}

function fail(tx: Transaction): never {
  say({ event: 'failed', ...span(tx) });
  throw new Error('WORK_FAILED');
}

function consume(store: Store | undefined): Observable<Transaction> {
  const config: PgoutputConfig = {
    connection,
    slot,
    publications: ['bank'],
    ...(store ? { startLsn: () => store.checkpoint() } : {}),
    statusInterval: 200,
    livenessTimeout: 1000,
    connectTimeout: 2000,
    closeTimeout: 500,
    openObserver: {
      next: ({ startLsn, slot: { confirmedFlushLsn = 0n } }) => {
        const start = startLsn === undefined ? {} : { start: String(startLsn) };
        say({ event: 'open', ...start, slot: String(confirmedFlushLsn) });
      },
    },
    statusObserver: { next: ({ confirmedLsn }) => say({ event: 'status', confirmed: String(confirmedLsn) }) },
  };
  return logicalReplication(config).pipe(
    transactions(),
    tap((tx) => say({ event: 'deliver', ...span(tx), size: tx.size, xid: tx.xid })),
    ackAfter((tx) => work(tx, store), concurrent),
    tap((tx) => say({ event: 'acknowledged', ...span(tx) })),
    reconnect({
      initialDelay: 50,
      maxDelay: 400,
      // A work that fails here does so only once.
      retryable: (error) => !(error instanceof ReplicationError) || error.retryable,
      attemptObserver: {
        next: ({ attempt, delay: ms, error }) => say({ event: 'attempt', attempt, delay: ms, code: codeOf(error) }),
      },
    }),
  );
}

async function main(): Promise<void> {
  const store = storeUrl === undefined ? undefined : await Store.open(storeUrl);
  consume(store).subscribe({
    error: (error: unknown) => {
      say({ event: 'ended', code: codeOf(error), message: String(error) });
      process.exit(1);
    },
  });
}

void main();
