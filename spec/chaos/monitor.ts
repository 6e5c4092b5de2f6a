import { setTimeout as delay } from 'node:timers/promises';
import { formatLsn, parseLsn, type Checkpoint } from '../../lib/index';
import { TOTAL } from './bank';
import type { Scene } from './scene';

/** The interval of the checks, in ms. */
const PAUSE = 100;

/** Checks the invariants repeatedly while faults are injected. */
export class Monitor {
  readonly violations: string[] = [];
  #looks = 0;
  #stopped = false;
  #done: Promise<void>;

  constructor(scene: Scene) {
    this.#done = this.#watch(scene);
  }

  /** The number of checks. */
  get looks(): number {
    return this.#looks;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #watch(scene: Scene): Promise<void> {
    while (!this.#stopped) {
      // In this order, because the store must already contain what the slots confirm.
      const slots = await confirmed(scene);
      const { sum, stored } = await lookAtStore(scene);
      if (sum !== TOTAL) this.violations.push(`The balances of the store added up to ${sum}`);
      // The server may receive an acknowledgement before the driver receives the event of its project.
      await Promise.all(scene.consumers.map((consumer) => consumer.heard()));
      for (const { slot, origin, checker, store, name } of scene.consumers) {
        const position = slots.get(slot) ?? 0n;
        if (position <= origin) continue;
        const what = `The ${name} slot stood at ${formatLsn(position)}`;
        if (store) {
          if (position > stored) this.violations.push(`${what}, the store at ${formatLsn(stored)}`);
        } else if (!checker.doneUpTo(position)) this.violations.push(`${what} with work up to it not done`);
      }
      this.#looks++;
      await delay(PAUSE);
    }
  }
}

/** Empty while the server is down. */
async function confirmed({ source }: Scene): Promise<Map<string, bigint>> {
  const rows = await source
    .query<{ slot_name: string; lsn: string }>(
      'SELECT slot_name, confirmed_flush_lsn::text AS lsn FROM pg_replication_slots',
    )
    .catch(() => []);
  return new Map(rows.map(({ slot_name, lsn }) => [slot_name, parseLsn(lsn)]));
}

async function lookAtStore({ store }: Scene): Promise<{ sum: number; stored: bigint }> {
  const [row] = await store.query<{ sum: number; checkpoint: string | null }>(
    'SELECT (SELECT sum(balance)::int FROM accounts) AS sum, checkpoint FROM progress',
  );
  const checkpoint = row?.checkpoint ? (JSON.parse(row.checkpoint) as Checkpoint) : undefined;
  return { sum: row?.sum ?? NaN, stored: checkpoint ? parseLsn(checkpoint.endLsn) : 0n };
}
