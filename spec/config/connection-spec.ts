import { userInfo } from 'node:os';
import { Client, Pool } from 'pg';
import { resolveConnection, SERVER_OPTIONS } from '../../lib/config/connection';
import { Options } from '../../lib/options';
import { ConfigError } from '../../lib/errors';
import { failure } from '../wire/failure';

function resolve(connection: unknown, env: Record<string, string> = {}) {
  const { target, startup } = resolveConnection(new Options('', { connection }, SERVER_OPTIONS), env);
  return { ...target, ...startup };
}

function failed(connection: unknown, env: Record<string, string> = {}): ConfigError {
  const error = failure(() => resolve(connection, env));
  if (!(error instanceof ConfigError)) throw error;
  expect(error.code).toBe('CONFIG_INVALID');
  expect(error.message).not.toContain('secret');
  return error;
}

const ENVIRONMENT = {
  PGHOST: 'env.example',
  PGPORT: '6543',
  PGUSER: 'env_user',
  PGPASSWORD: 'env_password',
  PGDATABASE: 'env_database',
  PGAPPNAME: 'env_app',
  PGOPTIONS: '-c a=env',
};

describe('resolveConnection', () => {
  it('has defaults', () => {
    const { username } = userInfo();
    expect(resolve(undefined)).toEqual({
      host: 'localhost',
      port: 5432,
      tls: undefined,
      user: username,
      password: undefined,
      database: username,
      applicationName: 'rxjs-pg-replication',
      options: undefined,
    });
    expect(resolve({})).toEqual(resolve(undefined));
  });

  it('reads the time-outs', () => {
    const timeouts = (given: object) => {
      const { connectTimeout, closeTimeout } = resolveConnection(new Options('', given, SERVER_OPTIONS), {});
      return [connectTimeout, closeTimeout];
    };
    expect(timeouts({})).toEqual([15_000, 5000]);
    expect(timeouts({ connectTimeout: 1, closeTimeout: 0 })).toEqual([1, 0]);
  });

  it('reads a URI', () => {
    expect(resolve('postgres://app:s%40crt@db.example:5433/shop?application_name=mine&options=-c%20a%3Db')).toEqual({
      host: 'db.example',
      port: 5433,
      tls: undefined,
      user: 'app',
      password: 's@crt',
      database: 'shop',
      applicationName: 'mine',
      options: '-c a=b',
    });
    expect(resolve('postgresql://app@[::1]:5433/shop')).toMatchObject({ host: '::1', port: 5433 });
    expect(resolve('postgres://app@%2Fvar%2Frun%2Fpostgresql/shop')).toMatchObject({ host: '/var/run/postgresql' });
    expect(resolve('postgres:///shop?host=/tmp&user=app')).toMatchObject({ host: '/tmp', user: 'app' });
  });

  it('reads an object', () => {
    const connection = {
      host: 'db.example',
      port: 5433,
      user: 'app',
      password: 'pw',
      database: 'shop',
      application_name: 'mine',
      options: '-c a=b',
    };
    expect(resolve(connection, ENVIRONMENT)).toEqual({
      host: 'db.example',
      port: 5433,
      tls: undefined,
      user: 'app',
      password: 'pw',
      database: 'shop',
      applicationName: 'mine',
      options: '-c a=b',
    });
  });

  it('takes the user’s name for the database where none is given', () => {
    expect(resolve('postgres://app@h')).toMatchObject({ database: 'app' });
    expect(resolve({ user: 'app' })).toMatchObject({ database: 'app' });
  });

  it.each<[what: string, connection: unknown]>([
    ['nothing', undefined],
    ['an empty object', {}],
    ['an object of undefined', { host: undefined, port: undefined, user: undefined, password: undefined }],
    ['a URI that says nothing', 'postgres://'],
  ])('fills from the environment what %s leaves out', (_, connection) => {
    expect(resolve(connection, ENVIRONMENT)).toEqual({
      host: 'env.example',
      port: 6543,
      tls: undefined,
      user: 'env_user',
      password: 'env_password',
      database: 'env_database',
      applicationName: 'env_app',
      options: '-c a=env',
    });
  });

  it('fills what a URI leaves out, and no more', () => {
    expect(resolve('postgres://app@db.example/shop', ENVIRONMENT)).toMatchObject({
      host: 'db.example',
      port: 6543,
      user: 'app',
      password: 'env_password',
      database: 'shop',
    });
    expect(resolve('postgres://db.example', ENVIRONMENT)).toMatchObject({
      host: 'db.example',
      user: 'env_user',
      database: 'env_database',
    });
    expect(resolve('postgres://app:pw@/shop', ENVIRONMENT)).toMatchObject({ host: 'env.example', password: 'pw' });
  });

  it('does not take an empty variable for a value', () => {
    const empty = Object.fromEntries(Object.keys(ENVIRONMENT).map((name) => [name, '']));
    expect(resolve({ user: 'app' }, empty)).toEqual(resolve({ user: 'app' }));
  });

  it('lets what stands beside a URI win over it', () => {
    const connectionString = 'postgres://app:pw@db.example:5433/shop?application_name=uri';
    const beside = { host: 'other', port: 1, user: 'u', password: 'p', database: 'd', application_name: 'a' };
    expect(resolve({ connectionString })).toEqual(resolve(connectionString));
    expect(resolve({ connectionString, ...beside }, ENVIRONMENT)).toMatchObject({
      ...{ host: 'other', port: 1, user: 'u', password: 'p', database: 'd', applicationName: 'a' },
    });
  });

  it('takes a port as text, as environments and JSON have it', () => {
    expect(resolve({ port: '5433' }).port).toBe(5433);
  });

  it.each([0, -1, 65_536, 1.5, NaN, '', 'x', '5432x', {}, true])('refuses port %p', (port) => {
    expect(failed({ port }).option).toBe('connection.port');
  });

  it('refuses a bad port of the environment', () => {
    expect(failed({}, { PGPORT: 'nonsense' }).option).toBe('connection.port');
  });

  it.each(['host', 'user', 'password', 'database', 'application_name', 'options', 'connectionString'])(
    'refuses a %s that is no text',
    (name) => {
      for (const value of [7, {}, ['secret'], true])
        expect(failed({ [name]: value }).option).toBe(`connection.${name}`);
    },
  );

  it('does not show a password that is no text', () => {
    expect(failed({ password: 12345 }).message).not.toContain('12345');
    expect(failed({ connectionString: { password: 'secret' } }).option).toBe('connection.connectionString');
    expect(failed(['postgres://u:secret@h']).option).toBe('connection');
  });

  it.each([
    'host=h port=5432 user=app password=secret',
    'h:5432/shop',
    'db.example',
    '',
    ' postgres://app:secret@h/shop',
    'postgres:app:secret@h',
  ])('refuses %j, which is no URI', (uri) => {
    expect(failed(uri).option).toBe('connection');
    expect(failed({ connectionString: uri }).option).toMatch(/^connection/);
  });

  it.each([
    'postgres://app:secret@h:port/shop',
    'postgres://app:secret@h1:5432,h2:5432/shop',
    'postgres://app:secret@h:5432/shop?sslrootcert=/nowhere/at/all',
    'postgres://app:secret@[::1/shop',
  ])('never shows the password of a broken URI: %j', (uri) => {
    const error = failed(uri);
    expect(error.option).toBe('connection');
    expect(`${error.stack ?? ''}${String(error.cause)}`).not.toContain('secret');
  });

  it.each<[what: string, connection: unknown, words: string]>([
    ['a URL', new URL('postgres://app:secret@h/shop'), 'url.href'],
    ['a pool', new Pool({ password: 'secret' }), 'not the pool itself'],
    ['a client', new Client({ password: 'secret' }), 'not the pool itself'],
    ['an empty text', '', 'is an environment variable empty?'],
    ['an empty connectionString', { connectionString: '' }, 'is an environment variable empty?'],
    ['a bigint for a port', { port: 5432n }, 'got a bigint'],
    ['text for a port', { port: '5432x' }, 'got "5432x"'],
    ['username', { username: 'app' }, 'did you mean user?'],
  ])('says what is wrong with %s', (_, connection, words) => {
    expect(failed(connection).message).toContain(words);
  });

  it('lists what an object can say, and not what it lets pass', () => {
    const { message } = failed({ other: 1 });
    expect(message).toContain('connectionString, host');
    expect(message).not.toContain('idleTimeoutMillis');
  });

  it('refuses what it does not know, and lets pass what pg and its pool know', () => {
    expect(failed({ hots: 'h' }).option).toBe('connection.hots');
    expect(failed({ Host: 'h' }).option).toBe('connection.Host');
    const pg = {
      max: 10,
      min: 1,
      idleTimeoutMillis: 1000,
      connectionTimeoutMillis: 1000,
      allowExitOnIdle: true,
      maxUses: 7,
      maxLifetimeSeconds: 60,
      keepAlive: true,
      keepAliveInitialDelayMillis: 1,
      statement_timeout: false,
      query_timeout: 1,
      lock_timeout: 1,
      idle_in_transaction_session_timeout: 1,
      fallback_application_name: 'x',
      client_encoding: 'UTF8',
      types: {},
      stream: () => undefined,
      Client: Object,
      Promise,
      log: () => undefined,
      onConnect: () => undefined,
      verify: () => undefined,
      enableChannelBinding: true,
      sslnegotiation: 'postgres',
      pipeline: false,
      binary: false,
    };
    expect(resolve({ ...pg, user: 'app' })).toEqual(resolve({ user: 'app' }));
  });

  it.each([undefined, null, false])('makes no TLS of ssl %p', (ssl) => {
    expect(resolve({ ssl }).tls).toBeUndefined();
  });

  it('makes TLS of ssl', () => {
    expect(resolve({ ssl: true }).tls).toEqual({});
    expect(resolve({ ssl: { ca: 'x', rejectUnauthorized: false } }).tls).toEqual({
      ca: 'x',
      rejectUnauthorized: false,
    });
    for (const ssl of ['require', 1, []]) expect(failed({ ssl }).option).toBe('connection.ssl');
  });

  it.each([
    ['disable', undefined],
    ['no-verify', { rejectUnauthorized: false }],
    ['verify-full', {}],
  ])('reads sslmode=%s of a URI', (mode, tls) => {
    expect(resolve(`postgres://app@h/shop?sslmode=${mode}`).tls).toEqual(tls);
  });

  it.each([
    ['', undefined],
    ['disable', undefined],
    ['prefer', {}],
    ['require', {}],
    ['verify-ca', {}],
    ['verify-full', {}],
    ['no-verify', { rejectUnauthorized: false }],
  ])('reads PGSSLMODE=%s, and never falls back to clear text', (mode, tls) => {
    for (const connection of [undefined, {}, { ssl: undefined }, 'postgres://app@h/shop', 'postgres://app@h?sslmode='])
      expect(resolve(connection, { PGSSLMODE: mode }).tls).toEqual(tls);
  });

  it('lets ssl and a URI’s sslmode win over PGSSLMODE', () => {
    for (const PGSSLMODE of ['require', 'nonsense']) {
      expect(resolve({ ssl: false }, { PGSSLMODE }).tls).toBeUndefined();
      expect(resolve({ ssl: { ca: 'x' } }, { PGSSLMODE }).tls).toEqual({ ca: 'x' });
      expect(resolve('postgres://app@h?sslmode=disable', { PGSSLMODE }).tls).toBeUndefined();
      expect(resolve('postgres://app@h?sslmode=no-verify', { PGSSLMODE }).tls).toEqual({ rejectUnauthorized: false });
    }
    expect(resolve('postgres://app@h?sslmode=verify-full', { PGSSLMODE: 'disable' }).tls).toEqual({});
  });

  it.each(['allow', 'on', 'VERIFY-FULL', 'nonsense'])('refuses PGSSLMODE=%s', (PGSSLMODE) => {
    const error = failed({}, { PGSSLMODE });
    expect(error.option).toBe('connection.ssl');
    expect(error.message).toContain('PGSSLMODE');
  });

  it.each<[connection: unknown, env: Record<string, string>]>([
    ['postgres://app:secret@h/shop?sslnegotiation=direct', {}],
    ['postgres://app:secret@h/shop?sslnegotiation=nonsense', {}],
    [{ ssl: true, sslnegotiation: 'direct' }, {}],
    [{ ssl: true }, { PGSSLNEGOTIATION: 'direct' }],
  ])('refuses direct TLS, which there is not yet: %j %j', (connection, env) => {
    const error = failed(connection, env);
    expect(error.option).toBe('connection.sslnegotiation');
    expect(error.message).toContain('not supported yet');
  });

  it.each<[connection: unknown, env: Record<string, string>, option: string]>([
    ['postgres://app:secret@h1,h2/shop', {}, 'connection.host'],
    ['postgres://app:secret@h1,h2:5432/shop', {}, 'connection.host'],
    ['postgres://app:secret@/shop?host=h1,h2', {}, 'connection.host'],
    ['postgres://app:secret@h1:5432,h2:5433/shop', {}, 'connection'],
    ['postgres://h1:5432,h2:5433', {}, 'connection'],
    ['postgres://app:secret@[::1]:5432,[::2]:5432/shop', {}, 'connection'],
    [{ host: 'h1,h2' }, {}, 'connection.host'],
    [{}, { PGHOST: 'h1,h2' }, 'connection.host'],
  ])('refuses several hosts and says so: %j %j', (connection, env, option) => {
    const error = failed(connection, env);
    expect(error.option).toBe(option);
    expect(error.message).toContain('several hosts');
  });

  it.each(['postgres://app:1,secret@h:port/shop', 'postgres://app:sec,ret@h:port/shop'])(
    'takes a comma in the password of %j for no list of hosts',
    (uri) => {
      expect(failed(uri).message).not.toContain('several hosts');
    },
  );

  it.each(['target_session_attrs', 'channel_binding', 'require_auth', 'hostaddr', 'sslcrl', 'schema', 'hots'])(
    'refuses a URI’s parameter %s, which would have no effect',
    (parameter) => {
      const error = failed(`postgres://app:secret@h/shop?sslmode=disable&${parameter}=secret`);
      expect(error.option).toBe('connection');
      expect(error.message).toContain(`parameter ${parameter} `);
    },
  );

  it('names the option that a URI’s connect_timeout stands for', () => {
    expect(failed('postgres://app@h/shop?connect_timeout=10').message).toContain('connectTimeout');
  });

  it('does not take a piece of the password for a parameter’s name', () => {
    for (const uri of ['postgres://app:12?secret=@h/shop', 'postgres://app:12?a&secret@h/shop']) {
      expect(failed(uri).message).toContain('percent-encode');
    }
  });

  it('lets pass what pg and its pool take from a URI', () => {
    const query = 'fallback_application_name=x&client_encoding=UTF8&statement_timeout=1&max=5&sslnegotiation=postgres';
    expect(resolve(`postgres://app@h/shop?${query}`)).toEqual(resolve('postgres://app@h/shop'));
  });

  it('reads a socket’s URI', () => {
    expect(resolve('socket:///run/pg?db=shop&encoding=utf8&user=app')).toMatchObject({
      ...{ host: '/run/pg', database: 'shop', user: 'app' },
    });
  });

  it.each(['sslrootcert', 'sslcert', 'sslkey'])('names the file of a %s that cannot be read', (parameter) => {
    const error = failed(`postgres://app:secret@h/shop?${parameter}=/nowhere/ca.pem`);
    expect(error.option).toBe('connection');
    expect(error.message).toContain('/nowhere/ca.pem');
    expect(error.message).toContain('ENOENT');
    expect(error.message).not.toContain('percent-encode');
    expect(failed(`postgres://app:secret@h/shop?${parameter}=/`).message).toContain('EISDIR');
  });

  it('lets ssl beside a URI win over its sslmode', () => {
    const connectionString = 'postgres://app@h/shop?sslmode=verify-full';
    expect(resolve({ connectionString, ssl: false }).tls).toBeUndefined();
    expect(resolve({ connectionString, ssl: { ca: 'x' } }).tls).toEqual({ ca: 'x' });
  });
});
