import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import { ACCOUNTS, enter, MAX_PREPARED, pay, type Transfer } from './bank';
import { Writer } from './writer';

/** One step of a large transaction. */
interface Step {
  readonly sql: string;
  /** The part of it that is committed. */
  readonly kept: readonly Omit<Transfer, 'id'>[];
}

/** The number of rows of a step, of about 200 bytes each. A transaction of more than 64 kB is streamed. */
const [FEWEST, MOST] = [50, 250];

/** Writes large transactions that stay open for a while, with savepoints of which many are rolled back. */
export class LargeWriter extends Writer {
  protected override async work(client: Client): Promise<void> {
    await client.query('BEGIN');
    const kept = await this.write(client);
    if (this.random.chance(0.2)) await client.query('ROLLBACK');
    else await client.query(`${pay(kept)} COMMIT`);
  }

  /**
   * @param first the first of its accounts
   * @returns the payments that are still to be made
   */
  protected async write(client: Client, first = 1, accounts = ACCOUNTS): Promise<Step['kept']> {
    const kept: Omit<Transfer, 'id'>[] = [];
    for (let steps = this.random.between(2, 5); steps > 0; steps--) {
      const step = this.#step(first, accounts);
      await client.query(step.sql);
      kept.push(...step.kept);
      await delay(this.random.between(0, 60));
    }
    return kept;
  }

  #step(first: number, accounts: number, depth = 0): Step {
    const kind = this.random.next();
    if (kind < 0.4 || depth === 2) {
      const [transfer, rows] = [this.transfer(first, accounts), this.random.between(FEWEST, MOST)];
      return { sql: enter(transfer, rows), kept: [{ ...transfer, amount: transfer.amount * rows }] };
    }
    const inner = [this.#step(first, accounts, depth + 1), this.#step(first, accounts, depth + 1)];
    const isKept = kind < 0.6;
    const name = `s${depth}`;
    const end = isKept ? `RELEASE ${name};` : `ROLLBACK TO ${name}; RELEASE ${name};`;
    return {
      sql: `SAVEPOINT ${name}; ${inner.map(({ sql }) => sql).join(' ')} ${end}`,
      kept: isKept ? inner.flatMap(({ kept }) => kept) : [],
    };
  }
}

/** Prepares small and large transactions, and ends them some time later. Global identifiers are reused. */
export class Preparer extends LargeWriter {
  protected override async work(client: Client): Promise<void> {
    const open = await fetchPrepared(client);
    const free = Array.from({ length: MAX_PREPARED }, (_, place) => place).filter(
      (place) => !open.some((gid) => parsePlace(gid) === place),
    );
    const [place] = this.random.shuffle(free);
    const gid = open[this.random.between(0, open.length - 1)];
    if (gid !== undefined && (place === undefined || this.random.chance(0.4))) {
      // The transaction in the first place stays prepared for a long time.
      if (parsePlace(gid) > 0 || this.random.chance(0.15)) await this.#end(client, gid);
    } else if (place !== undefined) await this.#prepare(client, place);
  }

  /** Ends all prepared transactions. */
  async settle(client: Client): Promise<void> {
    for (const gid of await fetchPrepared(client)) await this.#end(client, gid);
  }

  async #prepare(client: Client, place: number): Promise<void> {
    const first = ACCOUNTS + 1 + 2 * place;
    await client.query('BEGIN');
    const kept = this.random.chance(0.6) ? await this.write(client, first, 2) : [];
    const small = this.transfer(first, 2);
    await client.query(
      `${enter(small, 1)} ${pay([...kept, small])} PREPARE TRANSACTION '${client.database ?? ''} ${place}'`,
    );
  }

  async #end(client: Client, gid: string): Promise<void> {
    await client.query(`${this.random.chance(0.7) ? 'COMMIT' : 'ROLLBACK'} PREPARED '${gid}'`);
  }
}

/** Global identifiers are unique on the whole server. */
function parsePlace(gid: string): number {
  return Number(gid.split(' ').at(-1));
}

async function fetchPrepared(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ gid: string }>(
    'SELECT gid FROM pg_prepared_xacts WHERE database = current_database()',
  );
  return rows.map(({ gid }) => gid);
}
