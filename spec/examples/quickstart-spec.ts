import { runServer, uniqueName, type PostgresServer, type TestDatabase } from '../support/server';
import { Program, TemporaryFolder, type Outcome } from './support/program';

const ESCAPE = '\u001b';
const QUICKSTART = 'quickstart.ts';

describe('npm start', () => {
  const temporary = new TemporaryFolder();
  afterAll(() => temporary.remove());

  describe('without interruption', () => {
    let outcome: Outcome;

    beforeAll(async () => {
      // As in most CI systems, in which picocolors itself would color a pipe.
      await using program = new Program('npm', ['start', '--silent'], { TMPDIR: temporary.path, CI: 'true' });
      outcome = await program.outcome();
    });

    it('exits with 0, and leaves nothing behind', () => {
      expect(outcome.errors).not.toMatch(/✗|Error|Warning/);
      expect(outcome.status).toBe(0);
      expect(temporary.servers).toEqual([]);
    });

    it("prints every transaction, and matches the server's record", () => {
      const { output } = outcome;
      const blocks = [
        ...output.matchAll(/^┌ xid \d+ · commit [0-9A-F]+\/[0-9A-F]+ · \d\d:\d\d:[\d.]+ · (\d+) changes?$/gm),
      ];
      const changes = blocks.reduce((sum, [, size]) => sum + Number(size), 0);
      expect(blocks.length).toBeGreaterThan(0);
      expect(output).toMatch(new RegExp(`✓ transactions +${blocks.length} committed, ${blocks.length} seen`));
      expect(output).toMatch(new RegExp(`✓ changes +${changes} committed, ${changes} seen`));
      expect(output).toMatch(
        /✓ confirmed_flush_lsn +([0-9A-F/]+), last flush sent \1, last transaction's end [0-9A-F/]+/,
      );
      expect(output).toMatch(/✓ slot quickstart +not active/);
    });

    it('prints no colors in a pipe, and each kind of change differently', () => {
      const { output } = outcome;
      expect(output).not.toContain(ESCAPE);
      expect(output).toMatch(
        /^│ \+ orders {2}id 1 {2}customer 'Ada' +total '12\.50' +status 'new' +tags \[ 'gift' \]$/m,
      );
      expect(output).toMatch(/^│ ~ orders {2}id 1 {2}status 'new' → 'paid'$/m);
      expect(output).toMatch(/^│ ~ customers {2}id 1 .*email 'lovelace@example\.org' {2}notes unchanged, not sent$/m);
      expect(output).toMatch(/^│ ~ customers {2}id 2 → 20 /m);
      expect(output).toMatch(/^│ - customers {2}id 20$/m);
      expect(output).toMatch(/^│ ∅ orders, customers {2}restart identity$/m);
      expect(output).toMatch(/^│ ✉ shop +'closing time'$/m);
      expect(output).toMatch(/notes 'Likes her parcels [^']{1,30}…' \(9150 characters\)$/m);
      expect(output).toMatch(/^│ … and 196 changes more$/m);
    });
  });

  it('leaves nothing behind after Ctrl-C, and prints colors if requested', async () => {
    await using program = Program.example(QUICKSTART, [], {
      TMPDIR: temporary.path,
      FORCE_COLOR: '1',
      TEST_POSTGRES: 'embedded',
    });
    await program.printed(/gone again at the end/);
    expect(temporary.servers).toHaveLength(1);
    program.interrupt();
    expect((await program.outcome()).status).not.toBe(0);
    await temporary.emptied();
    expect(program.output).toContain(ESCAPE);
  });
});

describe('npm start with DATABASE_URL', () => {
  let server: PostgresServer;
  let database: TestDatabase;

  beforeAll(async () => {
    server = await runServer();
    database = await server.createDatabase('quickstart');
    await database.query(
      `CREATE TABLE users (id int PRIMARY KEY, name text);
       CREATE SCHEMA billing;
       CREATE TABLE billing.invoices (id int PRIMARY KEY)`,
    );
  });

  afterAll(() => database.drop());

  const quickstart = (...args: string[]) => Program.example(QUICKSTART, args, { DATABASE_URL: database.url });

  it('streams existing tables until Ctrl-C, prints the confirmed position, and continues there', async () => {
    const slot = uniqueName('slot');
    const args = ['--slot', slot, '--publication', 'own', '--tables', 'users,billing.invoices'];
    await using program = quickstart(...args);
    await program.printed(/Waiting for commits/);
    await database.query(`INSERT INTO users VALUES (1, E'Ada\\n\\x1b[31m'); INSERT INTO billing.invoices VALUES (7)`);
    await program.printed(/billing\.invoices {2}id 7/);
    program.interrupt();

    const { status, output, errors } = await program.outcome();
    expect({ status, errors }).toEqual({ status: 0, errors: '' });
    expect(output).toContain('Made publication own for users, billing.invoices.');
    expect(output).toContain(`Made slot ${slot}`);
    expect(output).toContain(String.raw`+ users             id 1  name 'Ada\n\x1B[31m'`);
    expect(output).toContain('Stopped after 1 transaction, 2 changes.');
    const [, confirmed] = /Confirmed up to ([0-9A-F/]+)\./.exec(output) ?? [];
    expect(
      await database.query(`SELECT confirmed_flush_lsn, active FROM pg_replication_slots WHERE slot_name = '${slot}'`),
    ).toEqual([{ confirmed_flush_lsn: confirmed, active: false }]);

    await database.query(`DELETE FROM users`);
    await using again = quickstart(...args);
    await again.printed(/- users {2}id 1/);
    again.interrupt();
    const second = await again.outcome();
    expect(second.status).toBe(0);
    expect(second.output).toContain(`Slot ${slot} goes on from ${confirmed}.`);
    expect(second.output).toContain('Publication own is there already');
    expect(second.output).toContain('Stopped after 1 transaction, 1 change.');
  });

  it.each([
    [['--publication', 'nowhere'], 1, /PUBLICATION_MISSING: .*"nowhere".*CREATE PUBLICATION.*\n.*--tables/],
    [['--tables', 'nowhere'], 1, /42P01: .*"nowhere"/],
    [['--slot', 'No-Slot', '--tables', 'users'], 1, /CONFIG_INVALID: slot: invalid slot name "No-Slot"/],
    [['--tabels', 'users'], 2, /Unknown option '--tabels'.*\n.*--help/],
  ])('prints a remedy: %j', async (args, expected, message) => {
    await using program = quickstart(...args);
    const { status, errors } = await program.outcome();
    expect(status).toBe(expected);
    expect(errors).toMatch(message);
  });

  it('prints a remedy if the server cannot be reached', async () => {
    await using program = Program.example(QUICKSTART, [], { DATABASE_URL: 'postgres://me:secret@127.0.0.1:1/nowhere' });
    const { status, errors } = await program.outcome();
    expect(status).toBe(1);
    expect(errors).toMatch(/CONNECTION_REFUSED: .*127\.0\.0\.1:1.*Check host and port/);
    expect(errors).not.toContain('secret');
  });

  it('has --help, and rejects options without a database', async () => {
    await using help = Program.example(QUICKSTART, ['--help']);
    expect(await help.outcome()).toMatchObject({ status: 0, output: expect.stringContaining('--publication') });
    await using lost = Program.example(QUICKSTART, ['--slot', 'mine']);
    expect(await lost.outcome()).toMatchObject({ status: 2, errors: expect.stringContaining('DATABASE_URL') });
  });
});
