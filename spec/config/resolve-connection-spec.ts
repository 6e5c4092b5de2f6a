import { userInfo } from 'node:os';
import { inspect } from 'node:util';
import { Client, Pool } from 'pg';
import { resolveConnection, SERVER_OPTIONS } from '../../lib/config/resolve-connection';
import { OptionReader } from '../../lib/common/option-reader';
import { getHosts, getPassword, getError, resolve, getStartup, type Environment } from './support/resolve-connection';

const ENVIRONMENT = {
  PGHOST: 'env.example',
  PGPORT: '6543',
  PGUSER: 'env_user',
  PGPASSWORD: 'env_password',
  PGDATABASE: 'env_database',
  PGAPPNAME: 'env_app',
  PGOPTIONS: '-c a=env',
};
const FROM_ENVIRONMENT = {
  user: 'env_user',
  database: 'env_database',
  applicationName: 'env_app',
  options: '-c a=env',
};

describe('a connection', () => {
  it('has defaults', async () => {
    const { username } = userInfo();
    expect(getHosts()).toEqual(['localhost:5432']);
    expect(getStartup()).toEqual({
      user: username,
      database: username,
      applicationName: 'rxjs-pg-replication',
      options: undefined,
    });
    expect(await getPassword()).toBeUndefined();
    expect(inspect(resolve({}))).toEqual(inspect(resolve()));
  });

  it("uses the user's name as the default database", () => {
    expect(getStartup('postgres://app@h').database).toBe('app');
    expect(getStartup({ user: 'app' }).database).toBe('app');
  });

  it('reads an object, which takes precedence over the environment', async () => {
    const connection = {
      host: 'db.example',
      port: 5433,
      user: 'app',
      password: 'pw',
      database: 'shop',
      application_name: 'mine',
      options: '-c a=b',
    };
    expect(getHosts(connection, ENVIRONMENT)).toEqual(['db.example:5433']);
    expect(getStartup(connection, ENVIRONMENT)).toEqual({
      user: 'app',
      database: 'shop',
      applicationName: 'mine',
      options: '-c a=b',
    });
    expect(await getPassword(connection, ENVIRONMENT)).toBe('pw');
  });

  it.each<[what: string, connection: unknown]>([
    ['nothing', undefined],
    ['an empty object', {}],
    ['an object of undefined', { host: undefined, port: undefined, user: undefined, password: undefined }],
    ['an object of null', { host: null, port: null, user: null, password: null }],
    ['an object of empty texts', { host: '', port: '', user: '', password: '', database: '', application_name: '' }],
    ['an empty URI', 'postgres://'],
    ['keywords without values', "host='' user="],
  ])('takes what %s lacks from the environment', async (_, connection) => {
    expect(getHosts(connection, ENVIRONMENT)).toEqual(['env.example:6543']);
    expect(getStartup(connection, ENVIRONMENT)).toEqual(FROM_ENVIRONMENT);
    expect(await getPassword(connection, ENVIRONMENT)).toBe('env_password');
  });

  it('takes what a URI lacks from the environment, and nothing else', async () => {
    const uri = 'postgres://app@db.example/shop';
    expect(getHosts(uri, ENVIRONMENT)).toEqual(['db.example:6543']);
    expect(getStartup(uri, ENVIRONMENT)).toMatchObject({ user: 'app', database: 'shop', applicationName: 'env_app' });
    expect(await getPassword(uri, ENVIRONMENT)).toBe('env_password');
    expect(getHosts('postgres://app:pw@/shop', ENVIRONMENT)).toEqual(['env.example:6543']);
  });

  it('ignores empty variables', () => {
    const empty = Object.fromEntries(Object.keys(ENVIRONMENT).map((name) => [name, '']));
    expect(getStartup({ user: 'app' }, empty)).toEqual(getStartup({ user: 'app' }));
    expect(getHosts({ user: 'app' }, empty)).toEqual(['localhost:5432']);
  });

  it.each(['postgres://app:pw@db.example:5433/shop?application_name=string', 'host=db.example user=app password=pw'])(
    'gives options beside a connection string precedence over it: %s',
    async (connectionString) => {
      const beside = { host: 'other', port: 1, user: 'u', password: 'p', database: 'd', application_name: 'a' };
      expect(getStartup({ connectionString })).toEqual(getStartup(connectionString));
      expect(getHosts({ connectionString, ...beside }, ENVIRONMENT)).toEqual(['other:1']);
      expect(getStartup({ connectionString, ...beside }, ENVIRONMENT)).toMatchObject({
        user: 'u',
        database: 'd',
        applicationName: 'a',
      });
      expect(await getPassword({ connectionString, ...beside }, ENVIRONMENT)).toBe('p');
    },
  );

  it('uses fallback_application_name if there is no application_name', () => {
    expect(getStartup('postgres://h?fallback_application_name=fallback').applicationName).toBe('fallback');
    const uri = 'postgres://h?fallback_application_name=fallback&application_name=mine';
    expect(getStartup(uri).applicationName).toBe('mine');
    expect(getStartup({ fallback_application_name: 'f' }, ENVIRONMENT).applicationName).toBe('env_app');
  });
});

describe('timeouts', () => {
  const timeoutOf = (connection: unknown, env: Environment = {}) => resolve(connection, env).connectTimeout;
  const FOR_EVER = 2 ** 31 - 1;

  it('have defaults, and are options beside the connection', () => {
    const timeouts = (given: object) => {
      const { connectTimeout, closeTimeout } = resolveConnection(new OptionReader('', given, SERVER_OPTIONS), {});
      return [connectTimeout, closeTimeout];
    };
    expect(timeouts({})).toEqual([15_000, 5000]);
    expect(timeouts({ connectTimeout: 1, closeTimeout: 0 })).toEqual([1, 0]);
    expect(timeouts({ connectTimeout: 1, connection: 'postgres://h?connect_timeout=7' })).toEqual([1, 5000]);
  });

  it.each<[connection: unknown, env: Environment, ms: number]>([
    ['postgres://h?connect_timeout=7', { PGCONNECT_TIMEOUT: '8' }, 7000],
    ['connect_timeout=7', {}, 7000],
    [{}, { PGCONNECT_TIMEOUT: '8' }, 8000],
    [{ connect_timeout: 9 }, { PGCONNECT_TIMEOUT: '8' }, 9000],
    [{ connect_timeout: 0 }, {}, FOR_EVER],
    [{ connect_timeout: '-1' }, {}, FOR_EVER],
    [{ connect_timeout: 999_999_999 }, {}, FOR_EVER],
    [{ connectionTimeoutMillis: 1500 }, { PGCONNECT_TIMEOUT: '8' }, 1500],
    [{ connectionTimeoutMillis: 1500, connectionString: 'connect_timeout=7' }, {}, 1500],
    [{ connectionTimeoutMillis: 1500, connect_timeout: 9 }, {}, 9000],
    [{ connectionTimeoutMillis: 0 }, {}, FOR_EVER],
    [{ connectionTimeoutMillis: 1e12 }, {}, FOR_EVER],
    [{ connectionTimeoutMillis: undefined }, {}, 15_000],
  ])('are read from %j and %j', (connection, env, ms) => {
    expect(timeoutOf(connection, env)).toBe(ms);
  });

  it('must be numbers', () => {
    expect(getError('postgres://h?connect_timeout=hunter2').option).toBe('connection.connect_timeout');
    expect(getError({ connect_timeout: true }).message).toContain('got a boolean');
    expect(getError({}, { PGCONNECT_TIMEOUT: '1.5' }).message).toContain('from PGCONNECT_TIMEOUT');
    expect(getError({ connectionTimeoutMillis: '10' }).option).toBe('connection.connectionTimeoutMillis');
    expect(getError({ connectionTimeoutMillis: NaN }).option).toBe('connection.connectionTimeoutMillis');
  });
});

describe('TCP keepalives', () => {
  it.each<[connection: unknown, keepAlive: number | undefined]>([
    [undefined, 0],
    ['postgres://h?keepalives=0', undefined],
    ['keepalives=0 keepalives_idle=30', undefined],
    ['postgres://h?keepalives=1&keepalives_idle=30', 30_000],
    [{ keepalives: false }, undefined],
    [{ keepalives: 0 }, undefined],
    [{ keepalives: true, keepalives_idle: 30 }, 30_000],
    [{ keepalives_idle: '-1' }, 0],
    [{ keepAlive: false }, undefined],
    [{ keepAlive: true, keepAliveInitialDelayMillis: 2500 }, 2500],
    [{ keepAlive: false, connectionString: 'keepalives=1' }, undefined],
    [{ keepAlive: true, connectionString: 'keepalives=0' }, 0],
    [{ keepAlive: false, keepalives: 1 }, 0],
    [{ keepAliveInitialDelayMillis: 2500, keepalives_idle: 30 }, 30_000],
    [{ keepAliveInitialDelayMillis: 2500, connectionString: 'keepalives_idle=30' }, 2500],
  ])('are set by %j', (connection, keepAlive) => {
    expect(resolve(connection).hosts.targets[0]?.keepAlive).toBe(keepAlive);
  });

  it('must have valid values', () => {
    expect(getError({ keepAlive: 'yes' }).option).toBe('connection.keepAlive');
    expect(getError({ keepalives: 'yes' }).message).toContain('expected 1 or 0');
    expect(getError('keepalives_idle=soon').option).toBe('connection.keepalives_idle');
  });
});

describe('an object', () => {
  it('may have the options of pg and its pool', () => {
    const pg = {
      max: 10,
      min: 1,
      poolSize: 3,
      idleTimeoutMillis: 1000,
      allowExitOnIdle: true,
      maxUses: 7,
      maxLifetimeSeconds: 60,
      statement_timeout: false,
      query_timeout: 1,
      lock_timeout: 1,
      idle_in_transaction_session_timeout: 1,
      client_encoding: 'UTF8',
      types: {},
      Client: Object,
      Promise,
      log: () => undefined,
      onConnect: () => undefined,
      verify: () => undefined,
      enableChannelBinding: true,
      scramMaxIterations: 4096,
      sslnegotiation: 'postgres',
      replication: 'database',
      pipeline: false,
      binary: false,
    };
    expect(inspect(resolve({ ...pg, user: 'app' }), { depth: 20 })).toEqual(
      inspect(resolve({ user: 'app' }), { depth: 20 }),
    );
  });

  it.each([
    ['sslmod', 'sslmode'],
    ['sslMode', 'sslmode'],
    ['targetSessionAttrs', 'target_session_attrs'],
    ['hots', 'host'],
    ['Host', 'host'],
    ['username', 'user'],
    ['requireAuth', 'require_auth'],
    ['channelBinding', 'channel_binding'],
    ['loadBalanceHosts', 'load_balance_hosts'],
    ['oauth_token', 'oauthToken'],
    ['connectTimeout', 'connect_timeout'],
    ['hostAddr', 'hostaddr'],
  ])('rejects %s and suggests %s', (name, meant) => {
    const error = getError({ [name]: 'hunter2' });
    expect(error.option).toBe(`connection.${name}`);
    expect(error.message).toContain(`Did you mean \`${meant}\`?`);
  });

  it("is rejected with the option's name here for other names of libpq and pg", () => {
    expect(getError({ dbname: 'shop' }).message).toContain('connection.dbname: is not an option; use database');
    expect(getError({ stream: () => undefined }).message).toContain('use host and port');
  });

  it('suggests similar supported names, not ignored ones', () => {
    expect(getError({ timeout: 1 }).message).toContain('Similar names: `connect_timeout`, ');
    expect(getError({ idleTimeoutMilis: 1 }).message).not.toContain('idleTimeoutMillis');
    expect(getError({ gssencmod: 1 }).message).not.toContain('gssencmode');
  });

  it.each(['host', 'user', 'password', 'database', 'application_name', 'options', 'connectionString', 'sslrootcert'])(
    'rejects a %s that is not text, without showing it',
    (name) => {
      for (const value of [87_654, {}, ['hunter2'], true]) {
        const error = getError({ [name]: value });
        expect(error.option).toBe(`connection.${name}`);
        expect(error.message).not.toContain('87');
      }
    },
  );

  it.each(['host', 'user', 'password', 'database', 'sslrootcert'])('rejects a %s with a NUL byte', (name) => {
    expect(getError({ [name]: '/a\0hunter2' })).toMatchObject({ option: `connection.${name}` });
  });

  it.each<[what: string, connection: unknown, words: string]>([
    ['a URL', new URL('postgres://app:hunter2@h/shop'), 'url.href'],
    ['a pool', new Pool({ password: 'hunter2' }), 'got a client or a pool'],
    ['a client', new Client({ password: 'hunter2' }), 'got a client or a pool'],
    ['a list', ['postgres://u:hunter2@h'], 'got a list'],
    ['a bigint for a port', { port: 5432n }, 'got a bigint'],
    ['an oauthToken that is text', { oauthToken: 'hunter2' }, 'expected a function'],
  ])('cannot be %s', (_, connection, words) => {
    expect(getError(connection).message).toContain(words);
  });
});

describe('unsupported parameters of libpq', () => {
  it.each<[name: string, value: string, remedy: string]>([
    ['service', 'shop', 'service files are not supported'],
    ['gssencmode', 'require', 'GSSAPI'],
    ['krbsrvname', 'postgres', 'GSSAPI'],
    ['requirepeer', 'postgres', 'cannot determine the owner'],
    ['requiressl', '1', 'sslmode=require'],
    ['sslcertmode', 'require', 'cannot check whether the server requests one'],
    ['sslcrldir', '/x', 'use sslcrl'],
    ['sslkeylogfile', '/x', '--tls-keylog'],
    ['scram_client_key', 'hunter2', 'give the password'],
    ['min_protocol_version', '3.2', 'protocol version 3.0'],
    ['tcp_user_timeout', '5', 'livenessTimeout'],
    ['keepalives_count', '5', 'livenessTimeout'],
    ['oauth_client_secret', 'hunter2', 'connection.oauthToken'],
    ['replication', 'true', 'always database'],
  ])('are rejected with a reason: %s=%s', (name, value, remedy) => {
    for (const connection of [`postgres://h?${name}=${value}`, `host=h ${name}=${value}`, { [name]: value }]) {
      expect(getError(connection).message).toContain(remedy);
    }
  });

  it.each<[name: string, value: string]>([
    ['gssencmode', 'prefer'],
    ['gssencmode', 'disable'],
    ['sslcertmode', 'allow'],
    ['sslcompression', '0'],
    ['max_protocol_version', 'latest'],
    ['min_protocol_version', '3.0'],
    ['keepalives_interval', '0'],
    ['keepalives_count', '0'],
    ['tcp_user_timeout', '0'],
    ['replication', 'database'],
    ['service', ''],
  ])('are ignored if the value requests nothing: %s=%s', (name, value) => {
    for (const connection of [
      `postgres://h?${name}=${value}`,
      `host=h ${name}=${value}`,
      { host: 'h', [name]: value },
    ]) {
      expect(getHosts(connection)).toEqual(['h:5432']);
    }
  });

  it.each<[variable: string, value: string]>([
    ['PGSERVICE', 'shop'],
    ['PGGSSENCMODE', 'require'],
    ['PGREQUIREPEER', 'postgres'],
    ['PGSSLCRLDIR', '/x'],
    ['PGSSLCERTMODE', 'disable'],
    ['PGMINPROTOCOLVERSION', '3.2'],
  ])('are rejected in the environment, too: %s', (variable, value) => {
    expect(getError('postgres://h', { [variable]: value }).message).toContain(`: from ${variable}`);
    expect(getHosts('postgres://h', { [variable]: '' })).toEqual(['h:5432']);
  });
});

describe('the settings', () => {
  it.each<[what: string, connection: unknown]>([
    ['a URI', 'postgres://app:hunter2@h/shop?sslmode=require&sslpassword=hunter2'],
    ['keywords', 'host=h password=hunter2 sslpassword=hunter2'],
    [
      'an object',
      { password: 'hunter2', sslpassword: 'hunter2', oauthToken: () => 'hunter2', passfile: '/x', sslmode: 'require' },
    ],
    ['a function', { password: Object.assign(() => 'hunter2', { secret: 'hunter2' }) }],
    ['an object of TLS', { ssl: { key: 'hunter2', passphrase: 'hunter2', ca: 'x' } }],
  ])('show no secret of %s', (_, connection) => {
    const settings = resolve(connection, { PGPASSWORD: 'hunter2' });
    expect(inspect(settings, { depth: 20, showHidden: true })).not.toContain('hunter2');
    expect(JSON.stringify(settings)).not.toContain('hunter2');
  });
});
