import { setTimeout as delay } from 'node:timers/promises';
import { formatLsn, parseLsn, type Checkpoint } from '../../lib/index';
import { TOTAL } from './bank';
import type { ChaosEnvironment } from './chaos-environment';

/** The interval of the checks, in ms. */
const PAUSE = 100;

/** Checks the invariants repeatedly while faults are injected. */
export class Monitor {
  readonly violations: string[] = [];
  #checks = 0;
  #stopped = false;
  #done: Promise<void>;

  constructor(environment: ChaosEnvironment) {
    this.#done = this.#watch(environment);
  }

  /** The number of checks. */
  get checks(): number {
    return this.#checks;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #watch(environment: ChaosEnvironment): Promise<void> {
    while (!this.#stopped) {
      // In this order, because the store must already contain what the slots confirm.
      const slots = await fetchConfirmed(environment);
      const { sum, stored } = await checkStore(environment);
      if (sum !== TOTAL) this.violations.push(`The balances of the store added up to ${sum}`);
      // The server may receive an acknowledgement before the driver receives the event of its work.
      await Promise.all(environment.consumers.map((consumer) => consumer.flushEvents()));
      for (const { slot, origin, checker, store, name } of environment.consumers) {
        const position = slots.get(slot) ?? 0n;
        if (position <= origin) continue;
        const what = `The ${name} slot stood at ${formatLsn(position)}`;
        if (store) {
          if (position > stored) this.violations.push(`${what}, the store at ${formatLsn(stored)}`);
        } else if (!checker.doneUpTo(position)) this.violations.push(`${what} with work up to it not done`);
      }
      this.#checks++;
      await delay(PAUSE);
    }
  }
}

/** Empty while the server is down. */
async function fetchConfirmed({ source }: ChaosEnvironment): Promise<Map<string, bigint>> {
  const rows = await source
    .query<{ slot_name: string; lsn: string }>(
      'SELECT slot_name, confirmed_flush_lsn::text AS lsn FROM pg_replication_slots',
    )
    .catch(() => []);
  return new Map(rows.map(({ slot_name, lsn }) => [slot_name, parseLsn(lsn)]));
}

async function checkStore({ store }: ChaosEnvironment): Promise<{ sum: number; stored: bigint }> {
  const [row] = await store.query<{ sum: number; checkpoint: string | null }>(
    'SELECT (SELECT sum(balance)::int FROM accounts) AS sum, checkpoint FROM progress',
  );
  const checkpoint = row?.checkpoint ? (JSON.parse(row.checkpoint) as Checkpoint) : undefined;
  return { sum: row?.sum ?? NaN, stored: checkpoint ? parseLsn(checkpoint.endLsn) : 0n };
}
