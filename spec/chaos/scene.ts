import { setTimeout as delay } from 'node:timers/promises';
import { parseLsn } from '../../lib/index';
import type { PostgresServer, TestDatabase, TestServer } from '../support/server';
import { BANK, Writer } from './bank';
import { Consumer } from './consumer-under-test';
import { Random } from './random';
import { STORE } from './store';
import type { Witness } from './witness';

/** What the source needs, so that nobody waits long for what is gone. */
export const SOURCE_SETTINGS = { wal_sender_timeout: '2s' } as const;

/** How many ms a consumer may take to come back after the last fault. */
const RECOVERY = 15_000;
/** Mean ms between two transactions of a writer. */
const PAUSE = 25;

/** The bank with its writers, two consumers, and a store on a server that nothing happens to. */
export class Scene {
  readonly #writers: readonly Writer[];

  private constructor(
    readonly server: TestServer,
    readonly source: TestDatabase,
    readonly store: TestDatabase,
    readonly consumers: readonly [Consumer, Consumer],
    seed: number,
  ) {
    this.#writers = ['a', 'b', 'c'].map((name, i) => new Writer(source.url, name, new Random(seed + i), PAUSE));
  }

  /**
   * @param server the source, which the faults stop and start
   * @param quiet has the exactly-once store
   */
  static async make(server: TestServer, quiet: PostgresServer, seed: number): Promise<Scene> {
    const source = await server.createDatabase('bank');
    const store = await quiet.createDatabase('store');
    await source.query(BANK);
    await store.query(STORE);
    const consumers = [
      await Consumer.make('exactly-once', source, store),
      await Consumer.make('at-least-once', source),
    ] as const;
    return new Scene(server, source, store, consumers, seed);
  }

  start(): void {
    for (const actor of [...this.consumers, ...this.#writers]) actor.start();
  }

  async position(): Promise<bigint> {
    const [row] = await this.source.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn');
    return parseLsn(row?.lsn ?? '');
  }

  /** Resolves, with the ms that it took, when all consumers are done with what has been committed until now. */
  async recovered(): Promise<number> {
    return this.#beyond(await this.position());
  }

  /** Lets all that was committed arrive, and nothing more be written. */
  async drain(): Promise<void> {
    await this.#stopWriting();
    const end = await this.position();
    const [last] = await this.source.query<{ xid: number }>(
      `INSERT INTO ledger VALUES ('last', pg_current_xact_id()::text::bigint, 1, 2, 0, '') RETURNING xid::int`,
    );
    await this.#beyond(end);
    // A consumer may be beyond by a progress, and the last transaction still on its way.
    await this.#until(({ done }) => done.has(last?.xid ?? NaN));
  }

  /** Ends everything but the databases. */
  async end(): Promise<void> {
    await this.#stopWriting();
    await Promise.all(this.consumers.map((consumer) => consumer.end()));
  }

  async #stopWriting(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.stop()));
  }

  #beyond(position: bigint): Promise<number> {
    return this.#until((witness) => witness.isBeyond(position));
  }

  async #until(isSo: (witness: Witness) => boolean): Promise<number> {
    const started = performance.now();
    for (;;) {
      const late = this.consumers.filter(({ witness }) => !isSo(witness));
      const took = performance.now() - started;
      if (late.length === 0) return took;
      if (took > RECOVERY) {
        const names = late.map(({ name }) => name).join(' and ');
        throw new Error(`After ${RECOVERY} ms the ${names} consumer has not come on`);
      }
      await delay(10);
    }
  }
}
