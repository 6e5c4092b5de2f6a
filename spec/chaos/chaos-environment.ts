import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { parseLsn } from '../../lib/index';
import type { PostgresServer, TestDatabase, TestServer } from '../support/server';
import { BANK } from './bank';
import { Consumer, type Kind } from './consumer-under-test';
import { LargeWriter, Preparer } from './large-writer';
import { Random } from './random';
import { STORE } from './store';
import { UsualWriter, type Writer } from './writer';
import type { InvariantChecker } from './invariant-checker';

/** Settings of the source: short timeouts, and streaming of large transactions. */
export const SOURCE_SETTINGS = { wal_sender_timeout: '2s', logical_decoding_work_mem: '64kB' } as const;

/** The maximum time in ms in which a consumer that recovers from a fault may send no event. */
const MAX_SILENCE = 60_000;
/** The mean time in ms between two transactions of a writer. */
const PAUSE = 40;
const LARGE_PAUSE = 800;
const PREPARED_PAUSE = 250;

/** The bank with its writers and consumers, and a store on a server that has no faults. */
export class ChaosEnvironment {
  readonly #writers: readonly Writer[];
  readonly #preparer: Preparer;

  private constructor(
    readonly server: TestServer,
    readonly source: TestDatabase,
    readonly store: TestDatabase,
    readonly consumers: readonly [Consumer, ...Consumer[]],
    seed: number,
  ) {
    const { url } = source;
    this.#preparer = new Preparer(url, 'p', new Random(seed + 10), PREPARED_PAUSE);
    this.#writers = [
      ...['a', 'b'].map((name, i) => new UsualWriter(url, name, new Random(seed + i), PAUSE)),
      new LargeWriter(url, 'l', new Random(seed + 20), LARGE_PAUSE),
      this.#preparer,
    ];
  }

  /**
   * @param server the source, which faults stop and start
   * @param storeServer the server of the exactly-once store
   */
  static async create(server: TestServer, storeServer: PostgresServer, seed: number): Promise<ChaosEnvironment> {
    const source = await server.createDatabase('bank');
    const store = await storeServer.createDatabase('store');
    await source.query(BANK);
    await store.query(STORE);
    const { version } = server;
    const make = (kind: Kind, number: number): Promise<Consumer> =>
      Consumer.create(kind, source, version, new Random(seed + 30 + number));
    const consumers: [Consumer, ...Consumer[]] = [
      await make({ name: 'exactly-once', store, twoPhase: version >= 15 }, 0),
      await make({ name: 'at-least-once', twoPhase: false }, 1),
    ];
    if (version >= 15) consumers.push(await make({ name: 'two-phase', twoPhase: true }, 2));
    return new ChaosEnvironment(server, source, store, consumers, seed);
  }

  start(): void {
    for (const consumer of this.consumers) consumer.start();
    for (const writer of this.#writers) writer.start();
  }

  async fetchPosition(): Promise<bigint> {
    const [row] = await this.source.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn');
    return parseLsn(row?.lsn ?? '');
  }

  /** Resolves with the duration in ms when all consumers have processed everything committed so far. */
  async waitForRecovery(): Promise<number> {
    return this.#waitUntilBeyond(await this.fetchPosition());
  }

  /** Stops the writers, and waits until everything committed has been processed. */
  async drain(): Promise<void> {
    await this.#stopWriting();
    const client = new Client(this.source.url);
    await client.connect();
    await this.#preparer.settle(client);
    const position = await this.fetchPosition();
    // A large transaction: a consumer that spools it removes the spool files of earlier processes.
    const { rows } = await client.query<{ xid: number }>(
      `INSERT INTO ledger SELECT 'last-' || g, pg_current_xact_id()::text::bigint, 1, 2, 0, repeat('last ', 20)
        FROM generate_series(1, 2000) g RETURNING xid::int`,
    );
    await client.end();
    const [last] = rows;
    // Not the current end of the WAL, because records that the server itself writes cannot be acknowledged.
    await this.#waitUntilBeyond(position);
    // A consumer may be ahead by a progress transaction, while the last transaction is still being sent.
    await this.#waitUntil(({ digests }) => digests.has(last?.xid ?? NaN));
    for (const consumer of this.consumers) await consumer.checkSpools();
  }

  /** Closes everything except the databases. */
  async end(): Promise<void> {
    await this.#stopWriting();
    await Promise.all(this.consumers.map((consumer) => consumer.end()));
  }

  async #stopWriting(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.stop()));
  }

  #waitUntilBeyond(position: bigint): Promise<number> {
    return this.#waitUntil((checker) => checker.isBeyond(position));
  }

  async #waitUntil(isSo: (checker: InvariantChecker) => boolean): Promise<number> {
    const started = performance.now();
    for (;;) {
      const late = this.consumers.filter(({ checker }) => !isSo(checker));
      const now = performance.now();
      if (late.length === 0) return now - started;
      // A slow machine may take long, but sends events.
      const silent = late.filter(({ checker }) => now - Math.max(started, checker.lastAcknowledged) > MAX_SILENCE);
      if (silent.length > 0) {
        const names = silent.map(({ name }) => name).join(' and ');
        throw new Error(`The ${names} consumer has acknowledged nothing for ${MAX_SILENCE} ms`);
      }
      await delay(10);
    }
  }
}
