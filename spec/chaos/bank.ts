import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import type { Random } from './random';

export const ACCOUNTS = 20;
export const OPENING_BALANCE = 1000;
export const TOTAL = ACCOUNTS * OPENING_BALANCE;

/** The tables, for the source and for what is kept of it elsewhere. No key on the ledger: a row that came twice shows. */
export const TABLES = `
  CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL);
  CREATE TABLE ledger (id text NOT NULL, xid bigint NOT NULL, debit int NOT NULL, credit int NOT NULL,
    amount bigint NOT NULL, note text NOT NULL);
  INSERT INTO accounts SELECT g, ${OPENING_BALANCE} FROM generate_series(1, ${ACCOUNTS}) g;`;

/** Old balances are streamed as well, so that a consumer can add the difference: applied twice, it would show. */
export const BANK = `${TABLES}
  ALTER TABLE accounts REPLICA IDENTITY FULL;
  CREATE TABLE scratch (id int, pad text);
  CREATE PUBLICATION bank FOR TABLE accounts, ledger;`;

/** What one row of the ledger says, the same words in the source and elsewhere. */
export const LEDGER_ROW = `id || ' ' || xid || ' ' || debit || '>' || credit || ' ' || amount || ' ' || md5(note)`;

interface Transfer {
  readonly id: string;
  readonly debit: number;
  readonly credit: number;
  readonly amount: number;
}

/**
 * Moves money between accounts, for as long as it is let, and writes each transfer into the ledger in the same
 * transaction, together with that transaction's id. So the source itself knows all that was committed, also where a
 * connection was lost between COMMIT and its answer.
 */
export class Writer {
  readonly #url: string;
  readonly #name: string;
  readonly #random: Random;
  readonly #pause: number;
  #client: Client | undefined;
  #transfers = 0;
  #stopped = false;
  #done: Promise<void> | undefined;

  constructor(url: string, name: string, random: Random, pause: number) {
    this.#url = url;
    this.#name = name;
    this.#random = random;
    this.#pause = pause;
  }

  start(): void {
    this.#done = this.#run();
  }

  /** Resolves when its last transaction has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        this.#client ??= await this.#connect();
        await this.#client.query(this.#transaction());
      } catch {
        // The server is stopped again and again; what was under way is committed or not, and the server knows.
        const lost = this.#client;
        this.#client = undefined;
        await lost?.end().catch(() => undefined);
        await delay(20);
      }
      await delay(this.#random.between(0, 2 * this.#pause));
    }
  }

  async #connect(): Promise<Client> {
    const client = new Client({ connectionString: this.#url, connectionTimeoutMillis: 2000 });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  #transaction(): string {
    const kind = this.#random.next();
    const elsewhere = `INSERT INTO scratch SELECT g, 'unpublished' FROM generate_series(1, 20) g;`;
    if (kind < 0.6) return `BEGIN; ${move(this.#transfer())} COMMIT;`;
    if (kind < 0.75) return `BEGIN; ${this.#several(5)} COMMIT;`;
    if (kind < 0.85) return `BEGIN; ${this.#several(3)} ${elsewhere} ROLLBACK;`;
    if (kind < 0.9) return elsewhere;
    if (kind < 0.98) {
      const [kept, undone] = [this.#transfer(), this.#transfer()];
      return `BEGIN; ${move(kept)} SAVEPOINT s; ${move(undone)} ROLLBACK TO s; ${elsewhere} COMMIT;`;
    }
    return `BEGIN; ${this.#large(this.#random.between(200, 1500))} COMMIT;`;
  }

  #several(most: number): string {
    const transfers = Array.from({ length: this.#random.between(2, most) }, () => this.#transfer());
    // One order of locks for all writers: no deadlocks.
    return `SELECT FROM accounts ORDER BY id FOR UPDATE; ${transfers.map(move).join(' ')}`;
  }

  /** One transfer in very many rows of the ledger. */
  #large(rows: number): string {
    const { id, debit, credit, amount } = this.#transfer();
    return `${pay(debit, credit, amount * rows)}
      INSERT INTO ledger SELECT '${id}.' || g, pg_current_xact_id()::text::bigint, ${debit}, ${credit}, ${amount},
        repeat('large ', 20) FROM generate_series(1, ${rows}) g;`;
  }

  #transfer(): Transfer {
    const debit = this.#random.between(1, ACCOUNTS);
    const credit = 1 + ((debit + this.#random.between(0, ACCOUNTS - 2)) % ACCOUNTS);
    return { id: `${this.#name}-${++this.#transfers}`, debit, credit, amount: this.#random.between(1, 100) };
  }
}

function move({ id, debit, credit, amount }: Transfer): string {
  return `${pay(debit, credit, amount)}
    INSERT INTO ledger VALUES ('${id}', pg_current_xact_id()::text::bigint, ${debit}, ${credit}, ${amount}, 'transfer');`;
}

function pay(debit: number, credit: number, amount: number): string {
  const changes: [number, number][] = [
    [debit, -amount],
    [credit, amount],
  ];
  return changes
    .sort(([a], [b]) => a - b)
    .map(([id, by]) => `UPDATE accounts SET balance = balance + ${by} WHERE id = ${id};`)
    .join(' ');
}
