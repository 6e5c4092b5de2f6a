import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseLsn, type Lsn } from '../../lib/index';
import { findSnippets, pages } from '../docs/support/pages';
import { TestBed } from '../integration/support/bed';
import { GuideProgram } from './support/guide-program';
import { ROOT } from './support/program';

/** The guides whose program is run by another spec. */
const RUN_ELSEWHERE = ['testing']; // spec/testing/documented-spec.ts

const guides = pages.filter(({ path }) => path.startsWith('docs/guides/'));
const nameOf = (path: string): string => path.slice('docs/guides/'.length, -'.md'.length);
const programs = new Map(guides.map((page) => [nameOf(page.path), findSnippets(page)[0] ?? '']));

const SLOT = 'orders';

/** The first program of each guide, unchanged, on a database with the tables that it uses. */
describe('the program of the guide', () => {
  let folder: string;
  let bed: TestBed;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'guides-spec-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  beforeEach(async () => {
    bed = await TestBed.make(
      'guides',
      `CREATE TABLE orders (id int PRIMARY KEY, total numeric); CREATE TABLE customers (id int PRIMARY KEY)`,
    );
  });
  afterEach(() => bed.drop());

  const run = (guide: string, env: NodeJS.ProcessEnv = {}): GuideProgram =>
    new GuideProgram(programs.get(guide) ?? '', {
      DATABASE_URL: bed.database.url,
      STORE_FILE: join(folder, 'store.json'),
      ...env,
    });

  /** @returns a position within the last transaction: when the slot is beyond it, everything is confirmed */
  const prepare = async (): Promise<Lsn> => {
    await bed.sql('CREATE PUBLICATION orders_pub FOR TABLE orders, customers');
    await bed.sql(`SELECT pg_create_logical_replication_slot('${SLOT}', 'pgoutput')`);
    return write(1, 9.5);
  };

  const write = async (id: number, total: number): Promise<Lsn> => {
    await bed.sql('INSERT INTO orders VALUES ($1, $2)', [id, total]);
    const [row] = await bed.sql<{ lsn: string }>(
      `WITH inserted AS (INSERT INTO orders VALUES ($1, $3), ($2, $3))
        SELECT pg_current_wal_insert_lsn()::text AS lsn`,
      [id + 1, id + 2, total],
    );
    return parseLsn(row?.lsn ?? '');
  };

  it.each([
    ['acknowledgement-and-back-pressure', /Saved transaction \d+ with 2 changes\./],
    ['exactly-once', /Stored 3 changes, up to [0-9A-F]+\/[0-9A-F]+\./],
    ['large-and-prepared-transactions', /Transaction \d+ has inserted 2 rows\./],
    ['stopping', /(Saved transaction \d+\.\n){2}/],
    ['errors-and-retrying', /(Saved transaction \d+\.\n){2}/],
    ['failover', /^Streaming on timeline 1\.\n(Transaction \d+, committed at [0-9A-F/]+\n){2}/],
  ])('%s: streams what was committed, and confirms it', async (guide, output) => {
    const position = await prepare();
    using program = run(guide);
    await program.printed(output);
    await bed.confirmedAtLeast(SLOT, position);
    expect(program.errors).toBe('');
    if (guide !== 'stopping') return;
    program.interrupt();
    await program.printed(/\nEverything that was delivered is confirmed\.\n$/);
    expect(program.exitCode).toBeUndefined();
  });

  it('initial-copy: delivers the rows that exist, then the changes', async () => {
    await bed.sql('CREATE PUBLICATION orders_pub FOR TABLE orders, customers');
    await write(1, 9.5);
    using program = run('initial-copy');
    await program.printed(/^Copied 3 rows as of [0-9A-F/]+\.\n/);
    const position = await write(4, 1);
    await program.printed(/After transaction \d+ there are 6 orders\.\n/);
    await bed.confirmedAtLeast(SLOT, position);
    expect(program.errors).toBe('');
  });

  it('exactly-once: continues after what it has stored', async () => {
    await prepare();
    const env = { STORE_FILE: join(folder, 'again.json') };
    {
      using program = run('exactly-once', env);
      await program.printed(/Stored 3 changes/);
    }
    await write(11, 1);
    using program = run('exactly-once', env);
    await program.printed(/Stored 6 changes/);
    expect(program.output).toMatch(/^Stored 4 changes/);
  });

  it('server-setup: creates the publication and the slot, and has no findings', async () => {
    using program = run('server-setup');
    await program.printed(/^"orders_pub"\n\{"name":"orders",.*\}\n\[.*\]\n$/);
    expect(program.output).not.toContain('"severity":"error"');
  });

  it('connecting-and-security: prints the server, with the password from a file', async () => {
    const file = join(folder, 'password');
    writeFileSync(file, 'any\n');
    using program = run('connecting-and-security', { PASSWORD_FILE: file });
    await program.printed(/^Connected to database \w+ of cluster \d+\.\n$/);
  });

  it('speed: reads what the slot holds, and does not move the slot', async () => {
    await prepare();
    const before = await bed.confirmed(SLOT);
    using program = run('speed');
    await program.printed(/^3 changes in [\d.]+ s: \d+ a second\.\n$/);
    expect(await bed.confirmed(SLOT)).toBe(before);
  });
});

it('every guide begins with its purpose, and with a program that is run', () => {
  const spec = readFileSync(__filename, 'utf8');
  const untested = [...programs.keys()].filter((name) => !spec.includes(`'${name}`));
  expect(untested).toEqual([]);
  expect(RUN_ELSEWHERE.every((name) => programs.has(name))).toBe(true);
  for (const { path, text } of guides) {
    const opening = /^# .*\n\n(You want[^]*?)\n```ts\n/.exec(text)?.[1];
    expect({ path, begins: opening !== undefined && !opening.includes('\n#') }).toEqual({ path, begins: true });
  }
  expect(readdirSync(join(ROOT, 'docs/guides')).filter((file) => file.endsWith('.md'))).toHaveLength(guides.length);
});
