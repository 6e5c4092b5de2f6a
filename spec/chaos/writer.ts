import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { ACCOUNTS, enter, move, pay, type Transfer } from './bank';
import type { Random } from './random';

/**
 * Changes the bank until it is stopped. Each transfer is written to the ledger in its own transaction, with the transaction's
 * id. So the source itself records what was committed, even if a connection is lost between COMMIT and its response.
 */
export abstract class Writer {
  protected readonly random: Random;
  readonly #url: string;
  readonly #name: string;
  readonly #pause: number;
  #client: Client | undefined;
  #transfers = 0;
  #stopped = false;
  #done: Promise<void> | undefined;

  /** @param pause the mean time in ms between two transactions */
  constructor(url: string, name: string, random: Random, pause: number) {
    this.#url = url;
    this.#name = name;
    this.random = random;
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

  /** Runs one transaction, or one step of several open ones. */
  protected abstract work(client: Client): Promise<unknown>;

  /** @param first the first of its accounts */
  protected transfer(first = 1, accounts = ACCOUNTS): Transfer {
    const debit = this.random.between(0, accounts - 1);
    const credit = (debit + 1 + this.random.between(0, accounts - 2)) % accounts;
    const amount = this.random.between(1, 100);
    return { id: `${this.#name}-${++this.#transfers}`, debit: first + debit, credit: first + credit, amount };
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        this.#client ??= await this.#connect();
        await this.work(this.#client);
      } catch {
        // The server is stopped repeatedly. Whether an interrupted transaction is committed is in the server's own record.
        const lost = this.#client;
        this.#client = undefined;
        await lost?.end().catch(() => undefined);
        await delay(20);
      }
      await delay(this.random.between(0, 2 * this.#pause));
    }
  }

  async #connect(): Promise<Client> {
    const client = new Client({ connectionString: this.#url, connectionTimeoutMillis: 2000 });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }
}

/** Runs transactions of all common kinds, each without interruption. */
export class UsualWriter extends Writer {
  protected override work(client: Client): Promise<unknown> {
    return client.query(this.#transaction());
  }

  #transaction(): string {
    const kind = this.random.next();
    const elsewhere = `INSERT INTO scratch SELECT g, 'unpublished' FROM generate_series(1, 20) g;`;
    if (kind < 0.6) return `BEGIN; ${move(this.transfer())} COMMIT;`;
    if (kind < 0.75) return `BEGIN; ${this.#several(5)} COMMIT;`;
    if (kind < 0.85) return `BEGIN; ${this.#several(3)} ${elsewhere} ROLLBACK;`;
    if (kind < 0.9) return elsewhere;
    if (kind < 0.98) {
      const [kept, undone] = [this.transfer(), this.transfer()];
      return `BEGIN; ${move(kept)} SAVEPOINT s; ${move(undone)} ROLLBACK TO s; ${elsewhere} COMMIT;`;
    }
    return `BEGIN; ${this.#large(this.random.between(200, 800))} COMMIT;`;
  }

  #several(most: number): string {
    const transfers = Array.from({ length: this.random.between(2, most) }, () => this.transfer());
    // All writers lock in the same order, to avoid deadlocks.
    return `SELECT FROM accounts WHERE id <= ${ACCOUNTS} ORDER BY id FOR UPDATE; ${transfers.map(move).join(' ')}`;
  }

  /** One transfer in many rows of the ledger. */
  #large(rows: number): string {
    const transfer = this.transfer();
    return `${pay([{ ...transfer, amount: transfer.amount * rows }])} ${enter(transfer, rows)}`;
  }
}
