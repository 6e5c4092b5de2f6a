import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { logicalReplication, reconnect, type ConnectionOptions, type ReplicationMessage } from '../../lib/index';
import { marked, NUMBERS } from './support/life';
import { PASSWORD, SecuredServer, setEnvironment } from './support/secured-server';
import { acknowledge, TestBed, waitUntil, Recorder } from './support/bed';

let secured: SecuredServer;
let host: string;
let port: string;
let home: string;

beforeAll(async () => {
  secured = await SecuredServer.start({
    hba: ['host all all all scram-sha-256', 'local all scram scram-sha-256'],
    roles: { scram: 'scram-sha-256', rotated: 'scram-sha-256' },
  });
  host = secured.server.host;
  port = String(secured.server.port);
});

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'passwords-'));
  setEnvironment(home);
});

afterEach(() => {
  setEnvironment('/nowhere');
  rmSync(home, { recursive: true });
});

afterAll(() => secured.dispose());

/** The places of the password file; only the file contains the password. */
const options = (): ConnectionOptions => ({ user: 'scram', password: undefined });

function passwordFile(lines: string, name = '.pgpass', mode = 0o600): string {
  const path = join(home, name);
  writeFileSync(path, lines, { mode });
  return path;
}

const IN = 'scram-sha-256, TLSv1.3';
const OUT = 'AUTHENTICATION_FAILED';

describe('the password file', () => {
  it.each<[what: string, lines: () => string, outcome: string]>([
    ['has the server and the user', () => `${host}:${port}:postgres:scram:${PASSWORD}`, IN],
    ['has stars for them', () => `# all\n*:*:*:*:${PASSWORD}\n`, IN],
    ['has other lines before', () => `other:*:*:*:wrong\n${host}:*:other:*:wrong\n*:*:*:scram:${PASSWORD}\n`, IN],
    [
      'has a wrong password in an earlier line',
      () => `*:*:*:*:wrong\n${host}:${port}:postgres:scram:${PASSWORD}\n`,
      OUT,
    ],
    ['has only other lines', () => `*:*:*:other:${PASSWORD}\n`, OUT],
    ['is empty', () => '', OUT],
  ])('%s', async (_, lines, outcome) => {
    passwordFile(lines());
    expect(await secured.outcome(options())).toBe(outcome);
    expect(await secured.outcome(`postgres://scram@${host}:${port}/postgres`)).toBe(outcome);
  });

  it('may be named, with lower precedence than a password', async () => {
    passwordFile('*:*:*:*:wrong');
    const passfile = passwordFile(`*:*:*:*:${PASSWORD}`, 'mine');
    expect(await secured.outcome({ ...options(), passfile })).toBe(IN);
    expect(await secured.outcome(`host=${host} port=${port} user=scram dbname=postgres passfile=${passfile}`)).toBe(IN);
    process.env['PGPASSFILE'] = passfile;
    expect(await secured.outcome(options())).toBe(IN);
    process.env['PGPASSWORD'] = 'wrong';
    expect(await secured.outcome(options())).toBe(OUT);
    expect(await secured.outcome({ ...options(), password: PASSWORD })).toBe(IN);
  });

  it('matches a Unix socket by its folder, and a host by its name rather than its address', async () => {
    passwordFile(`${secured.socketFolder}:*:*:*:${PASSWORD}\ndb.example:*:*:*:${PASSWORD}\n`);
    expect(await secured.outcome({ ...options(), host: secured.socketFolder })).toBe('scram-sha-256, clear');
    expect(await secured.outcome({ ...options(), host: 'db.example', hostaddr: host })).toBe(IN);
    expect(await secured.outcome(options())).toBe(OUT);
  });

  it('is not used if other users can read it, with a warning', async () => {
    const warnings = jest.spyOn(process, 'emitWarning').mockReturnValue();
    const path = passwordFile(`*:*:*:*:${PASSWORD}`, '.pgpass', 0o644);
    expect((await secured.refusal(options())).message).toMatch(/none is set/);
    expect(warnings.mock.calls).toEqual([[expect.stringContaining(`${path} is ignored`), expect.anything()]]);
    warnings.mockRestore();
  });
});

describe('a function', () => {
  it('is called once for each connection', async () => {
    const password = jest.fn(() => Promise.resolve(PASSWORD));
    for (const calls of [1, 2]) {
      expect(await secured.outcome({ user: 'scram', password })).toBe(IN);
      expect(password).toHaveBeenCalledTimes(calls);
    }
  });

  it.each<[what: string, password: () => Promise<string>, code: string]>([
    ['returns a wrong password', () => Promise.resolve(`wrong-${PASSWORD}`), OUT],
    ['returns an empty password', () => Promise.resolve(''), OUT],
    ['fails', () => Promise.reject(new Error('the vault is closed')), 'CREDENTIAL_UNAVAILABLE'],
  ])('that %s', async (_, password, code) => {
    expect(await secured.outcome({ user: 'scram', password })).toBe(code);
  });
});

describe('a password that changes during a stream', () => {
  let bed: TestBed;
  let recorder: Recorder<ReplicationMessage> | undefined;

  beforeAll(async () => {
    bed = await TestBed.make('passwords', NUMBERS, secured.server);
  });

  beforeEach(async () => {
    await secured.setPassword('rotated', PASSWORD);
    await bed.sql('TRUNCATE numbers');
  });

  afterEach(() => recorder?.unsubscribe());

  afterAll(() => bed.drop());

  /** A stream that reconnects. */
  async function follow(password: ConnectionOptions['password']) {
    const { name, connection } = marked(bed.database.url, { user: 'rotated', password });
    const config = { connection, slot: await bed.slot(), publications: ['pub'] };
    const stream = new Recorder<ReplicationMessage>(logicalReplication(config).pipe(reconnect({ initialDelay: 20 })));
    recorder = stream;
    const pids = async (): Promise<number[]> => {
      const rows = await bed.sql<{ pid: number }>(
        `SELECT pid FROM pg_stat_replication WHERE application_name = '${name}' AND state = 'streaming'`,
      );
      return rows.map(({ pid }) => pid);
    };
    return {
      stream,
      arrived: async (id: number): Promise<void> => {
        await bed.sql(`INSERT INTO numbers VALUES (${id})`);
        await stream.find(
          (message) => acknowledge(message).kind === 'insert' && 'new' in message && message.new['id'] === id,
        );
      },
      cut: async (): Promise<void> => {
        const [pid = 0] = await waitUntil(pids, (found) => found.length > 0);
        await bed.sql(`SELECT pg_terminate_backend(${pid})`);
        await waitUntil(pids, (found) => !found.includes(pid));
      },
    };
  }

  it.each(['a function', 'a file'])('is read again from %s', async (where) => {
    let current = PASSWORD;
    const password = jest.fn(() => current);
    const change = async (to: string): Promise<void> => {
      await secured.setPassword('rotated', to);
      current = to;
      passwordFile(`*:*:*:rotated:${to}`);
    };
    await change(PASSWORD);
    const { arrived, cut } = await follow(where === 'a file' ? undefined : password);
    await arrived(1);

    await change(`another ${PASSWORD}`);
    await arrived(2);
    await cut();
    await arrived(3);
    expect(password).toHaveBeenCalledTimes(where === 'a file' ? 0 : 2);
    expect(await secured.outcome({ user: 'rotated', password: PASSWORD })).toBe(OUT);
  });

  it('is not read again if it was given as text, and the error is not retried', async () => {
    const { stream, arrived, cut } = await follow(PASSWORD);
    await arrived(1);
    await secured.setPassword('rotated', `another ${PASSWORD}`);
    await cut();
    await expect(stream.completed()).rejects.toMatchObject({ code: OUT, retryable: false });
  });
});
