import { firstValueFrom, toArray } from 'rxjs';
import {
  logicalReplication,
  preflight,
  type ConnectionOptions,
  type PreflightFinding,
  type PgoutputConfig,
} from '../../lib/index';
import { startServer, uniqueName, type TestServer } from '../support/server';
import { waitForFailure, expectNoSocketLeft, marked, waitForNoBackends, NUMBERS, Observed } from './support/life';
import { TestBed, waitUntil, Recorder } from './support/bed';

// A separate server, because on a shared one the objects of other specs would be found.
let server: TestServer;
let bed: TestBed;
let role: string;

beforeAll(async () => {
  server = await startServer();
  bed = await TestBed.make('preflight', NUMBERS, server);
  role = uniqueName('reader');
  await bed.sql(`CREATE ROLE ${role} LOGIN REPLICATION`);
});

afterAll(() => server.dispose());

const find = (config: PgoutputConfig) => firstValueFrom(preflight(config));
const codesOf = (findings: readonly PreflightFinding[]) => findings.map(({ code, severity }) => `${severity} ${code}`);
const as = (user: string): ConnectionOptions => ({ connectionString: bed.database.url, user });

/** The only finding, which must match the error of a stream. */
async function failureToBe(config: PgoutputConfig): Promise<string> {
  const [found, ...others] = await find(config);
  expect(others).toEqual([]);
  const error = await waitForFailure(logicalReplication(config));
  expect(found).toMatchObject({ code: error.code, severity: 'error' });
  return found!.message;
}

describe('without problems', () => {
  it('there are no findings, with or without a slot, and nothing is changed', async () => {
    const slot = await bed.slot();
    const { name, connection } = marked(bed.database.url);
    const state = () => bed.sql('SELECT slot_name, confirmed_flush_lsn, restart_lsn, active FROM pg_replication_slots');
    const before = await state();
    const found = await expectNoSocketLeft(() =>
      firstValueFrom(preflight(bed.config(slot, { connection })).pipe(toArray())),
    );
    expect(found).toEqual([[]]);
    expect(await find(bed.config('made_later', { connection, ensureSlot: true }))).toEqual([]);
    expect(await state()).toEqual(before);
    await waitForNoBackends(server, name);
  });

  it('there are no findings for a role that has REPLICATION and no other privilege, which can then stream', async () => {
    const slot = uniqueName('slot');
    const config = bed.config(slot, { connection: as(role), ensureSlot: { temporary: true } });
    expect(await find(config)).toEqual([]);
    const recorder = new Recorder(logicalReplication(config));
    await recorder.take(1);
    await bed.sql('INSERT INTO numbers VALUES (1); UPDATE numbers SET pad = id');
    await recorder.find((message) => message.kind === 'update' && message.new['pad'] === '1');
    recorder.unsubscribe();
  });

  it('there are no findings for another plugin', async () => {
    const slot = await bed.slot('test_decoding');
    const config = { connection: bed.database.url, slot, plugin: 'test_decoding' };
    expect(await firstValueFrom(preflight(config))).toEqual([]);
  });
});

describe('the slot', () => {
  it('does not exist', async () => {
    expect(await failureToBe(bed.config('not_there'))).toBe('Replication slot "not_there" does not exist.');
  });

  it('does not exist, and error rules apply to the finding', async () => {
    const errors = [
      { when: { code: 'SLOT_MISSING' as const }, treatAs: { code: 'SLOT_LOST' as const, remedy: 'Ask Ann.' } },
    ];
    const config = bed.config('not_there', { errors });
    expect(await failureToBe(config)).toBe('Replication slot "not_there" does not exist.');
    expect(await find(config)).toMatchObject([{ code: 'SLOT_LOST', remedy: 'Ask Ann.' }]);
  });

  it('is active', async () => {
    const slot = await bed.slot();
    const observed = new Observed();
    const recorder = new Recorder(bed.stream(slot, observed.observers));
    await recorder.take(1);
    expect(await failureToBe(bed.config(slot))).toMatch(/is active for PID \d+\.$/);
    recorder.unsubscribe();
    await observed.closed();
  });

  it('is physical, of another plugin, or of another database', async () => {
    const physical = uniqueName('slot');
    await bed.sql('SELECT pg_create_physical_replication_slot($1)', [physical]);
    expect(await failureToBe(bed.config(physical))).toMatch(/is a physical slot/);
    await bed.sql('SELECT pg_drop_replication_slot($1)', [physical]);
    expect(await failureToBe(bed.config(await bed.slot('test_decoding')))).toMatch(/test_decoding, not pgoutput/);
    const other = await TestBed.make('other', NUMBERS, server);
    const slot = await bed.slot();
    expect(await failureToBe(other.config(slot))).toMatch(/belongs to database/);
    await other.drop();
  });

  it('is to be created while a transaction is open', async () => {
    const slot = await bed.slot();
    const client = await bed.database.client();
    await client.query('BEGIN; INSERT INTO numbers VALUES (-1)');
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const making = bed.config('made_later', { ensureSlot: true });
    const found = await waitUntil(
      () => find(making),
      (findings) => findings.length > 0,
    );
    expect(codesOf(found)).toEqual(['warning TRANSACTION_OPEN']);
    expect(found[0]!.message).toMatch(new RegExp(`open: 1, the oldest for \\d+ s by PID ${rows[0]!.pid}\\.$`));
    expect(await find(bed.config(slot))).toEqual([]);
    // Without the privilege to see when the transaction began, it is still reported.
    const [seen] = await find({ ...making, connection: as(role) });
    expect(seen?.message).toBe(`Write transactions are open: 1, the oldest by PID ${rows[0]!.pid}.`);
    await client.query('ROLLBACK');
    await client.end();
    expect(await find(making)).toEqual([]);
  });

  it('is to be created while a transaction is prepared', async () => {
    const slot = await bed.slot();
    await bed.sql(`BEGIN; INSERT INTO numbers VALUES (-2); PREPARE TRANSACTION 'gid "1"'`);
    for (const connection of [bed.database.url, as(role)]) {
      const found = await find(bed.config('made_later', { connection, ensureSlot: true }));
      expect(codesOf(found)).toEqual(['warning PREPARED_TRANSACTION_OPEN']);
      expect(found[0]!.message).toContain(`1, the oldest "gid \\"1\\"" in database ${bed.database.name}`);
    }
    expect(await find(bed.config(slot))).toEqual([]);
    await bed.sql(`ROLLBACK PREPARED 'gid "1"'`);
  });
});

describe('the server', () => {
  it('is too old for a requested option', async () => {
    const slot = await bed.slot();
    const asked: [since: number, config: Partial<PgoutputConfig>][] = [
      [16, { protoVersion: 4 }],
      [16, { origin: 'none' }],
      [17, { slot: 'made_later', ensureSlot: { failover: true } }],
    ];
    for (const [since, config] of asked) {
      const found = await find({ ...bed.config(slot), ...config });
      expect(codesOf(found)).toEqual(server.version < since ? ['error UNSUPPORTED'] : []);
    }
    const found = await firstValueFrom(
      preflight({
        connection: bed.database.url,
        slot: 'made_later',
        publications: ['pub'],
        ensureSlot: true,
        twoPhase: true,
      }),
    );
    expect(codesOf(found)).toEqual(server.version < 15 ? ['error UNSUPPORTED'] : []);
  });

  it('has a wal_sender_timeout of 0, or a very short one', async () => {
    const slot = await bed.slot();
    const patience = async (ms: number) => {
      const connection = { connectionString: bed.database.url, options: `-c wal_sender_timeout=${ms}` };
      const found = await find(bed.config(slot, { connection }));
      return found.map(({ code, severity, message }) => `${severity} ${code}: ${message}`);
    };
    expect(await patience(0)).toEqual([expect.stringMatching(/^warning WAL_SENDER_TIMEOUT: wal_sender_timeout is 0/)]);
    expect(await patience(4999)).toEqual([expect.stringMatching(/^warning WAL_SENDER_TIMEOUT: .* is 4999 ms/)]);
    expect(await patience(5000)).toEqual([]);
  });

  it('accepts a role without REPLICATION', async () => {
    const plain = uniqueName('plain');
    await bed.sql(`CREATE ROLE ${plain} LOGIN`);
    const slot = await bed.slot();
    expect(await failureToBe(bed.config(slot, { connection: as(plain) }))).toMatch(/SQLSTATE 42501/);
  });

  it('is unreachable: an error, to which error rules apply', async () => {
    const connection = { host: '127.0.0.1', port: 1, user: 'me' };
    const config = { connection, slot: 's', publications: ['pub'] };
    expect(await waitForFailure(preflight(config))).toMatchObject({ code: 'CONNECTION_REFUSED' });
    const errors = [{ when: { code: 'CONNECTION_REFUSED' as const }, treatAs: { remedy: 'Call Ann.' } }];
    expect(await waitForFailure(preflight({ ...config, errors }))).toMatchObject({ remedy: 'Call Ann.' });
  });
});

it('all findings are reported together', async () => {
  await bed.sql('CREATE TABLE bare (v int); CREATE PUBLICATION bare FOR TABLE bare; CREATE PUBLICATION nothing');
  const connection = { connectionString: bed.database.url, options: '-c wal_sender_timeout=0' };
  const publications = ['bare', 'nothing', 'not_there'];
  const found = await find({ connection, slot: 'not_there', publications });
  expect(codesOf(found)).toEqual([
    'warning WAL_SENDER_TIMEOUT',
    'error SLOT_MISSING',
    'error PUBLICATION_MISSING',
    'warning PUBLICATION_EMPTY',
    'error REPLICA_IDENTITY_MISSING',
  ]);
  for (const { message, remedy } of found) expect([message, remedy].join(' ')).toMatch(/^[A-Zw].*\..*\.$/);
});
