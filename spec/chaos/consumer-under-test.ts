import { parseLsn } from '../../lib/index';
import { FaultProxy } from '../support/proxy';
import type { TestDatabase } from '../support/server';
import { ConsumerProcess } from './consumer-process';
import type { ConsumerCommand } from './events';
import { Witness } from './witness';

export type ConsumerName = 'exactly-once' | 'at-least-once';

/** A consumer over all its processes, with its slot, its own way to the server, and the witness who watches it. */
export class Consumer {
  readonly witness: Witness;
  #process: ConsumerProcess | undefined;

  private constructor(
    readonly name: ConsumerName,
    readonly slot: string,
    /** Where the slot stood when it was made. */
    readonly origin: bigint,
    readonly proxy: FaultProxy,
    readonly source: TestDatabase,
    readonly store: TestDatabase | undefined,
  ) {
    this.witness = new Witness(name, store !== undefined);
  }

  static async make(name: ConsumerName, source: TestDatabase, store?: TestDatabase): Promise<Consumer> {
    const slot = name.replaceAll('-', '_');
    const [row] = await source.query<{ lsn: string }>(
      `SELECT lsn::text FROM pg_create_logical_replication_slot($1, 'pgoutput')`,
      [slot],
    );
    return new Consumer(name, slot, parseLsn(row?.lsn ?? ''), await FaultProxy.before(source.url), source, store);
  }

  start(): void {
    const { slot, store, proxy, source, witness } = this;
    witness.restarted();
    const options = { connection: proxy.through(source.url), slot, concurrent: store ? 1 : 4 };
    this.#process = new ConsumerProcess(store ? { ...options, store: store.url } : options, (event) =>
      witness.hear(event),
    );
  }

  send(command: ConsumerCommand): void {
    this.#process?.send(command);
  }

  /** Ends its process as nothing else does: it can do nothing about it. */
  async kill(): Promise<void> {
    const process = this.#process;
    if (!process) return;
    const { runs } = process;
    await process.kill();
    if (!runs) this.witness.violated('its process ended by itself');
    if (process.stderr) this.witness.violated(`it complained: ${process.stderr}`);
  }

  async end(): Promise<void> {
    await this.kill();
    await this.proxy.close();
  }
}
