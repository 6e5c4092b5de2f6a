import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ConnectionOptions } from '../../lib/index';
import { Authority } from '../support/certificates';
import { PASSWORD, SecuredServer, setEnvironment } from './support/secured-server';

let secured: SecuredServer;
let host: string;
let port: number;
let home: string;

beforeAll(async () => {
  secured = await SecuredServer.start({
    hba: [
      'host all scram all scram-sha-256',
      'local all scram scram-sha-256',
      'hostssl all owner all cert',
      'host all anyhow all trust',
    ],
    roles: { scram: 'scram-sha-256', owner: 'none', anyhow: 'none' },
  });
  ({ host, port } = secured.server);
});

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'forms-'));
  setEnvironment(home);
});

afterEach(() => {
  setEnvironment('/nowhere');
  rmSync(home, { recursive: true });
});

afterAll(() => secured.dispose());

/** In the home folder, readable by its owner only. */
function file(name: string, content: string, mode = 0o600): string {
  const path = join(home, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

/** The environment with this home folder. */
const variables = (more: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  PGHOST: host,
  PGPORT: String(port),
  PGUSER: 'scram',
  PGPASSWORD: PASSWORD,
  PGDATABASE: 'postgres',
  ...more,
});

const WRONG = { PGHOST: 'wrong.invalid', PGPORT: '1', PGUSER: 'wrong', PGPASSWORD: 'wrong', PGDATABASE: 'wrong' };

describe('over TCP', () => {
  const ADMITTED = { user: 'scram', database: 'postgres', method: 'scram-sha-256', tls: 'TLSv1.3' };

  it.each<[form: string, connection: () => string | ConnectionOptions]>([
    ['a URI', () => `postgres://scram:${PASSWORD}@${host}:${port}/postgres`],
    [
      'a URI of parameters',
      () => `postgresql://?host=${host}&port=${port}&user=scram&password=${PASSWORD}&dbname=postgres`,
    ],
    ['a URI with both', () => `postgres://scram@${host}:${port}/postgres?sslmode=require&password=${PASSWORD}`],
    ['a URI of several hosts', () => `postgres://scram:${PASSWORD}@${host}:1,${host}:${port}/postgres`],
    ['keywords and values', () => `host=${host} port=${port} user=scram dbname=postgres password='${PASSWORD}'`],
    [
      'an address',
      () => `hostaddr=${host} host=db.example port=${port} user=scram dbname=postgres password=${PASSWORD}`,
    ],
    ['an object', () => ({ host, port, user: 'scram', password: PASSWORD, database: 'postgres' })],
    [
      'an object of several hosts',
      () => ({ host: `${host},${host}`, port: `1,${port}`, user: 'scram', password: PASSWORD, database: 'postgres' }),
    ],
    [
      'an object, which wins over the string in it',
      () => ({
        connectionString: `postgres://nobody:wrong@${host}:${port}/other`,
        user: 'scram',
        database: 'postgres',
      }),
    ],
  ])('%s', async (_, connection) => {
    setEnvironment(home, WRONG);
    expect(await secured.logIn(connection())).toMatchObject(ADMITTED);
  });

  it('the environment', async () => {
    setEnvironment(home, variables());
    expect(await secured.logIn()).toMatchObject(ADMITTED);
    expect(await secured.logIn('postgres://')).toMatchObject(ADMITTED);
    expect(await secured.logIn('user=scram')).toMatchObject(ADMITTED);
  });
});

describe('over a Unix socket', () => {
  it.each<[form: string, connection: (folder: string) => string | ConnectionOptions]>([
    ['a URI', (folder) => `postgres://scram:${PASSWORD}@${encodeURIComponent(folder)}:${port}/postgres`],
    ['a URI of parameters', (folder) => `postgres://scram:${PASSWORD}@/postgres?host=${folder}&port=${port}`],
    ["a URI of pg's own", (folder) => `socket://scram:${PASSWORD}@${folder}?db=postgres&port=${port}`],
    ['keywords', (folder) => `host=${folder} port=${port} user=scram dbname=postgres password=${PASSWORD}`],
    ['an object', (folder) => ({ host: folder, port, user: 'scram', password: PASSWORD, database: 'postgres' })],
    [
      'several folders',
      (folder) => `host=/nowhere,${folder} port=${port} user=scram dbname=postgres password=${PASSWORD}`,
    ],
  ])('%s', async (_, connection) => {
    setEnvironment(home, WRONG);
    const admitted = await secured.logIn(connection(secured.socketFolder));
    expect(admitted).toMatchObject({ user: 'scram', method: 'scram-sha-256', tls: undefined });
  });

  it('the environment', async () => {
    setEnvironment(home, variables({ PGHOST: secured.socketFolder, PGSSLMODE: 'require' }));
    expect(await secured.outcome()).toBe('scram-sha-256, clear');
  });
});

describe('the environment', () => {
  it.each<[variable: string, value: string, outcome: string]>([
    ['PGSSLMODE', 'disable', 'scram-sha-256, clear'],
    ['PGSSLMODE', 'verify-full', 'TLS_FAILED'],
    ['PGREQUIRESSL', '1', 'scram-sha-256, TLSv1.3'],
    ['PGSSLROOTCERT', 'system', 'TLS_FAILED'],
    ['PGSSLROOTCERT', '/nowhere', 'CONFIG_INVALID'],
    ['PGSSLMAXPROTOCOLVERSION', 'TLSv1.2', 'scram-sha-256, TLSv1.2'],
    ['PGSSLNEGOTIATION', 'direct', 'CONFIG_INVALID'],
    ['PGREQUIREAUTH', 'md5', 'AUTHENTICATION_REFUSED'],
    ['PGCHANNELBINDING', 'require', 'scram-sha-256, TLSv1.3'],
    ['PGPASSWORD', `wrong-${PASSWORD}`, 'AUTHENTICATION_FAILED'],
    ['PGUSER', 'anyhow', 'trust, TLSv1.3'],
    ['PGDATABASE', 'missing', 'DATABASE_MISSING'],
    ['PGPORT', '1', 'CONNECTION_REFUSED'],
    ['PGHOST', '/nowhere', 'CONNECTION_REFUSED'],
    ['PGTARGETSESSIONATTRS', 'read-write', 'scram-sha-256, TLSv1.3'],
    ['PGTARGETSESSIONATTRS', 'standby', 'SESSION_ATTRS_MISMATCH'],
    ['PGOPTIONS', '-c no_such_setting=1', 'SERVER_ERROR'],
    ['PGOPTIONS', '-c work_mem=1MB', 'scram-sha-256, TLSv1.3'],
    ['PGSERVICE', 'any', 'CONFIG_INVALID'],
  ])('%s=%s: %s', async (variable, value, outcome) => {
    setEnvironment(home, variables({ [variable]: value }));
    expect(await secured.outcome()).toBe(outcome);
  });

  it('contains paths of certificates', async () => {
    const { cert, key } = await secured.clientCa.client('owner');
    setEnvironment(home, {
      ...variables({ PGUSER: 'owner', PGHOST: 'db.example', PGHOSTADDR: host }),
      PGSSLMODE: 'verify-ca',
      PGSSLROOTCERT: file('ca', secured.ca.cert),
      PGSSLCERT: file('cert', cert),
      PGSSLKEY: file('key', key),
      PGSSLCRL: file('crl', await secured.ca.revocations()),
    });
    expect(await secured.outcome()).toBe('cert, TLSv1.3');
    process.env['PGSSLMODE'] = 'verify-full';
    expect((await secured.refusal()).message).toMatch(/is for another host .*db\.example/);
    process.env['PGHOST'] = 'localhost';
    expect(await secured.outcome()).toBe('cert, TLSv1.3');
    process.env['PGSSLCRL'] = file('crl', await secured.ca.revocations(secured.certificate));
    expect((await secured.refusal()).message).toMatch(/was revoked/);
  });
});

describe("libpq's default folder", () => {
  it('contains the certificate authority, with which prefer verifies, too', async () => {
    const other = await Authority.make();
    file('.postgresql/root.crt', other.cert);
    expect(await secured.outcome({ user: 'anyhow' })).toBe('TLS_FAILED');
    expect(await secured.outcome({ user: 'anyhow', sslmode: 'disable' })).toBe('trust, clear');
    file('.postgresql/root.crt', other.cert + secured.ca.cert);
    expect(await secured.outcome({ user: 'anyhow' })).toBe('trust, TLSv1.3');
    expect(await secured.outcome({ user: 'anyhow', sslmode: 'verify-full' })).toBe('trust, TLSv1.3');
    file('.postgresql/root.crl', await secured.ca.revocations(secured.certificate));
    expect(await secured.outcome({ user: 'anyhow' })).toBe('TLS_FAILED');
  });

  it("contains the client's certificate", async () => {
    expect(await secured.outcome({ user: 'owner' })).toBe('HBA_REFUSED');
    const { cert, key } = await secured.clientCa.client('owner');
    file('.postgresql/postgresql.crt', cert);
    expect(await secured.outcome({ user: 'owner' })).toBe('CONFIG_INVALID');
    file('.postgresql/postgresql.key', key);
    expect(await secured.outcome({ user: 'owner' })).toBe('cert, TLSv1.3');
  });
});
