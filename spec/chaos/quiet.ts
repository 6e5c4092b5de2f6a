/**
 * Runs a huge transaction on a table that is not published. Its walsender is silent while it decodes, and a stream with default
 * options must tolerate that.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ackAfter, logicalReplication, reconnect, transactions } from '../../lib/index';
import { FaultProxy } from '../support/proxy';
import { startServer } from '../support/server';

/** The maximum time in ms that the walsender may take. It detects a hang, and is not a measurement. */
const TIMEOUT = 600_000;

export interface SilentDecodingResult {
  readonly server: string;
  readonly rows: number;
  readonly insertSeconds: number;
  readonly slotMoved: boolean;
  /** The time from the commit until the slot has passed it. */
  readonly advancedSeconds: number;
  /** The longest time without a byte from the server. */
  readonly silentSeconds: number;
  readonly statusUpdates: number;
  /** Attempts of `reconnect`; must be 0. */
  readonly attempts: readonly string[];
  /** Whether a later commit was delivered. */
  readonly wentOn: boolean;
}

export async function runSilentDecoding(rows: number): Promise<SilentDecodingResult> {
  const server = await startServer();
  const database = await server.createDatabase('quiet');
  await database.query('CREATE TABLE heard (id int); CREATE TABLE unheard (id int)');
  await database.query('CREATE PUBLICATION pub FOR TABLE heard');
  await database.query(`SELECT pg_create_logical_replication_slot('quiet', 'pgoutput')`);
  const proxy = await FaultProxy.before(database.url);
  let heardAt = performance.now();
  let silent = 0;
  proxy.filter = (frame, from) => {
    if (from === 'server') {
      silent = Math.max(silent, performance.now() - heardAt);
      heardAt = performance.now();
    }
    return frame;
  };

  let statusUpdates = 0;
  const attempts: string[] = [];
  const came: unknown[] = [];
  const config = { connection: proxy.through(database.url), slot: 'quiet', publications: ['pub'] };
  const subscription = logicalReplication({
    ...config,
    statusObserver: { next: () => statusUpdates++ },
  })
    .pipe(
      transactions(),
      ackAfter((tx) => void came.push(tx)),
      reconnect({ attemptObserver: { next: ({ error }) => attempts.push(String(error)) } }),
    )
    .subscribe({ error: (error: unknown) => attempts.push(`ended with ${String(error)}`) });

  const started = performance.now();
  await database.query(`INSERT INTO unheard SELECT generate_series(1, ${rows})`);
  const committed = performance.now();
  const [behind] = await database.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn');
  const isBehind = `SELECT FROM pg_replication_slots WHERE confirmed_flush_lsn >= '${behind?.lsn ?? ''}'`;
  let slotMoved = false;
  while (!slotMoved && attempts.length === 0 && performance.now() - committed < TIMEOUT) {
    await delay(50);
    slotMoved = (await database.query(isBehind)).length > 0;
  }
  const advanced = performance.now();
  await database.query('INSERT INTO heard VALUES (1)');
  const wrote = performance.now();
  while (came.length === 0 && attempts.length === 0 && performance.now() - wrote < TIMEOUT) await delay(50);
  subscription.unsubscribe();
  await proxy.close();
  await server.dispose();
  const seconds = (ms: number): number => Math.round(ms / 100) / 10;
  return {
    server: server.description,
    rows,
    insertSeconds: seconds(committed - started),
    slotMoved,
    advancedSeconds: seconds(advanced - committed),
    silentSeconds: seconds(silent),
    statusUpdates,
    attempts,
    wentOn: came.length === 1,
  };
}
