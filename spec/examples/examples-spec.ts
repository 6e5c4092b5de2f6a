import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { waitUntil } from '../integration/support/bed';
import { runServer, type TestDatabase } from '../support/server';
import { Program, ROOT, TemporaryFolder } from './support/program';

const names = readdirSync(join(ROOT, 'examples'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length));

describe('npm run example', () => {
  const temporary = new TemporaryFolder();
  let url: string;

  beforeAll(async () => ({ url } = await runServer()));
  afterAll(() => temporary.remove());

  it('bounded-replay: runs on a new server, and does not move the slot', async () => {
    await using program = new Program('npm', ['run', 'example', 'bounded-replay'], { TMPDIR: temporary.path });
    const { status, output } = await program.outcome();
    expect(status).toBe(0);
    // npm may print between its lines.
    const replayed = [...output.matchAll(/^[0-9A-F]+\/[0-9A-F]+ +(.*)$/gm)].map(([, kinds]) => kinds);
    expect(replayed.slice(0, 3)).toEqual(['insert, insert', 'update', 'delete']);
    // The transactions before the start, and those committed until the end position was read.
    expect(output).toContain(`Replayed ${replayed.length} transactions. The slot`);
    expect(temporary.servers).toEqual([]);
  });

  it('bounded-replay: emits each transaction between two positions once', async () => {
    await using program = Program.example('support/run.ts', ['bounded-replay', '--from', '0/0', '--to', '0/1'], {
      DATABASE_URL: url,
    });
    expect(await program.outcome()).toMatchObject({
      status: 0,
      output: expect.stringContaining('Replayed 0 transactions.'),
    });
  });

  it('minimal: prints what is committed, and has confirmed it after Ctrl-C', async () => {
    await using program = Program.example('support/run.ts', ['minimal'], { DATABASE_URL: url });
    // One more than was written before the start.
    await program.printed(/(?:\{"kind":"transaction".*\n){4}/);
    program.interrupt();
    const { status, output, errors } = await program.outcome();
    expect({ status, errors }).toEqual({ status: 0, errors: '' });
    const lines = output.trimEnd().split('\n');
    expect(lines.pop()).toBe('All that was shown is confirmed.');
    expect(lines.slice(0, 3).map((line) => JSON.parse(line))).toMatchObject([
      { size: 2, changes: [{ kind: 'insert', new: { customer: 'Ada', total: '12.50' } }, { kind: 'insert' }] },
      { size: 1, changes: [{ kind: 'update', new: { paid: true }, unchanged: [] }] },
      { size: 1, changes: [{ kind: 'delete', key: { id: 2 } }] },
    ]);
  });

  it('exactly-once: continues after it was killed, and the copy equals the source, row by row', async () => {
    const server = await runServer();
    await using source = disposable(await server.createDatabase('source'));
    await using store = disposable(await server.createDatabase('store'));
    await source.query(`
      CREATE TABLE orders (id int PRIMARY KEY, customer text, total numeric(8,2), paid boolean);
      ALTER TABLE orders ALTER customer SET STORAGE EXTERNAL;
      CREATE TABLE others (id int PRIMARY KEY);
      CREATE PUBLICATION example FOR ALL TABLES`);
    await source.query(`SELECT pg_create_logical_replication_slot('example', 'pgoutput')`);
    const urls = { DATABASE_URL: source.url, STORE_URL: store.url };
    const client = await source.client();
    const write = async (from: number, to: number): Promise<void> => {
      for (let id = from; id <= to; id++) {
        await client.query(`
          BEGIN;
          INSERT INTO orders VALUES (${id}, repeat('customer ${id}', 500), ${id}.50, false), (${-id}, NULL, NULL, NULL);
          INSERT INTO others VALUES (${id});
          TRUNCATE others;
          UPDATE orders SET id = id + 10000, paid = true WHERE id = ${id - 1};
          ALTER TABLE orders REPLICA IDENTITY ${id % 7 === 0 ? 'FULL' : 'DEFAULT'};
          UPDATE orders SET id = id + 10000 WHERE id = ${id + 9990};
          DELETE FROM orders WHERE id = ${-id} AND id % 3 = 0;
          COMMIT`);
      }
    };
    {
      await using program = Program.example('exactly-once.ts', [], urls);
      await write(1, 20);
      await program.printed(/Stored/);
      // Kill it in any state.
    }
    await write(21, 120);
    await using program = Program.example('exactly-once.ts', [], urls);
    await program.printed(/(?:Stored.*\n){20}/);
    await write(121, 140);
    const copy = () => store.query('SELECT * FROM orders ORDER BY id');
    const original = await source.query('SELECT * FROM orders ORDER BY id');
    await waitUntil(copy, (rows) => rows.length === original.length);
    program.interrupt();
    const { status, output, errors } = await program.outcome();
    expect({ status, errors }).toEqual({ status: 0, errors: '' });
    expect(output).toMatch(/\nAll that was stored is confirmed\.\n$/);
    expect(await copy()).toEqual(original);
  });

  it('raw-plugin: prints the output of test_decoding, and leaves no slot', async () => {
    await using program = Program.example('support/run.ts', ['raw-plugin'], { DATABASE_URL: url });
    await program.printed(/table public\.orders: INSERT: id\[integer\]:\d+ customer\[text\]:'Ada'/);
    program.interrupt();
    const { status, output, errors } = await program.outcome();
    expect({ status, errors }).toEqual({ status: 0, errors: '' });
    expect(output).toMatch(/^Listening with test_decoding\.\nBEGIN \d+\n/);
    expect(output).toMatch(/\nStopped\.\n$/);
  });

  it('lists the examples', async () => {
    await using program = Program.example('support/run.ts', ['nothing']);
    const { status, errors } = await program.outcome();
    expect(status).toBe(2);
    for (const name of names) expect(errors).toContain(`  ${name}\n`);
  });
});

function disposable(database: TestDatabase): TestDatabase & AsyncDisposable {
  return { ...database, [Symbol.asyncDispose]: () => database.drop() };
}
