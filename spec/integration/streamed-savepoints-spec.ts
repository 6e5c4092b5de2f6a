import type { Client } from 'pg';
import type { Change } from '../../lib/index';
import { Random } from '../chaos/random';
import { TestBed } from './support/bed';
import { insert, Live, MANY, read, TABLES, tick, WHOLE } from './support/streamed';

const SEEDS = [5, 7, 12, 15];
const STEPS = 40;

let bed: TestBed;
let clients: Client[];

beforeAll(async () => {
  bed = await TestBed.make('savepoints', TABLES);
  clients = [await bed.database.client(), await bed.database.client()];
});

afterEach(async () => {
  Live.end();
  for (const client of clients) await client.query('ROLLBACK');
  await bed.sql('TRUNCATE rows');
});

afterAll(() => bed.drop());

/** A transaction of random changes to rows of its own, in nested savepoints. */
class Whim {
  readonly #client: Client;
  readonly #random: Random;
  readonly #first: number;
  #next: number;
  /** undefined: no transaction is open. */
  #savepoints: number[] | undefined;
  #names = 0;

  constructor(client: Client, random: Random, first: number) {
    this.#client = client;
    this.#random = random;
    this.#first = first;
    this.#next = first;
  }

  async step(): Promise<void> {
    const random = this.#random;
    const savepoints = this.#savepoints;
    if (!savepoints) {
      this.#savepoints = [];
      return this.#run('BEGIN');
    }
    if (random.chance(0.04)) return this.end();
    if (random.chance(0.25)) {
      savepoints.push(++this.#names);
      return this.#run(`SAVEPOINT s${this.#names}`);
    }
    if (savepoints.length > 0 && random.chance(0.3)) {
      const depth = random.between(0, savepoints.length - 1);
      const name = savepoints[depth] ?? 0;
      const isBack = random.chance(0.6);
      // ROLLBACK TO keeps the savepoint itself.
      savepoints.length = isBack ? depth + 1 : depth;
      return this.#run(`${isBack ? 'ROLLBACK TO' : 'RELEASE'} s${name}`);
    }
    return this.#run(this.#change());
  }

  async end(): Promise<void> {
    if (this.#savepoints) await this.#run(this.#random.chance(0.85) ? 'COMMIT' : 'ROLLBACK');
    this.#savepoints = undefined;
  }

  #change(): string {
    const random = this.#random;
    if (random.chance(0.75)) {
      const from = this.#next;
      this.#next += random.pick([3, MANY, MANY]);
      return insert(from, this.#next - 1);
    }
    const from = random.between(this.#first, this.#next);
    const range = `id BETWEEN ${from} AND ${from + random.between(0, 200)}`;
    return random.pick([`UPDATE rows SET v = v || 'u' WHERE ${range}`, `DELETE FROM rows WHERE ${range}`]);
  }

  async #run(sql: string): Promise<void> {
    await this.#client.query(sql);
  }
}

/** The rows of a table after these changes, by id. */
function replayed(changes: readonly Change[]): Map<unknown, unknown> {
  const rows = new Map<unknown, unknown>();
  for (const change of changes) {
    if (change.kind === 'delete') rows.delete(change.key?.['id']);
    else if (change.kind === 'insert' || change.kind === 'update') rows.set(change.new['id'], change.new['v']);
  }
  return rows;
}

it.each(SEEDS)('changes of rolled-back savepoints are not in a streamed transaction either (seed %i)', async (seed) => {
  const slot = await bed.slot();
  const lives = await Live.inAllWays(bed);
  const random = new Random(seed);
  const whims = clients.map((client, i) => new Whim(client, random, 1 + i * 1_000_000));
  for (let step = 0; step < STEPS; step++) {
    await random.pick([whims[0]!, whims[1]!]).step();
    // The server reports an abort only if it has decoded part of it before.
    if (random.chance(0.5)) await tick(bed, lives);
  }
  for (const whim of whims) await whim.end();
  await tick(bed, lives);

  const whole = await read(bed, slot, WHOLE, await bed.position());
  let aborts = 0;
  for (const { transactions, counts } of lives) {
    expect(counts['streamStart']).toBeGreaterThan(2);
    aborts += counts['streamAbort'] ?? 0;
    expect(transactions).toStrictEqual(whole.transactions);
  }
  expect(aborts).toBeGreaterThan(0);
  const changes = whole.transactions.flatMap((tx) => tx.changes);
  const rows = await bed.sql<{ id: number; v: string }>('SELECT id, v FROM rows');
  const ofRows = changes.filter((change) => 'table' in change && change.table === 'rows');
  expect(replayed(ofRows)).toEqual(new Map(rows.map(({ id, v }) => [id, v])));
});
