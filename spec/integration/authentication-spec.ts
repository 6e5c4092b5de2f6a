import { userInfo } from 'node:os';
import { identifySystem, type ConnectionOptions, type ReplicationError } from '../../lib/index';
import { PASSWORD, SecuredServer, type Kept } from './support/secured-server';

/** Spaces of several kinds, a soft hyphen, characters that NFKC changes, an astral character, and URI syntax. */
const ODD = 'pass\u00a0word \u00ad Ⅸ ª ü u\u0308 𝐀 %41@:/?#\'"\\';
/** SASLprep uses Unicode 3.2, in which this character is unassigned. Then the raw bytes are used, including the soft hyphen. */
const NEW = '😀\u00ad\u00a0ª';

const ROLES: Record<string, Kept> = {
  trusted: 'none',
  clear: 'scram-sha-256',
  clear_odd: 'scram-sha-256',
  clear_new: 'scram-sha-256',
  md5: 'md5',
  md5_odd: 'md5',
  md5_new: 'md5',
  // With md5 in pg_hba.conf, a role with a SCRAM secret is authenticated by SCRAM.
  md5_scram: 'scram-sha-256',
  scram: 'scram-sha-256',
  scram_odd: 'scram-sha-256',
  scram_new: 'scram-sha-256',
  none_set: 'none',
  rejected: 'none',
  stranger: 'none',
  peered: 'none',
  unmapped: 'none',
};

let secured: SecuredServer;

beforeAll(async () => {
  secured = await SecuredServer.start({
    hba: [
      'local all peered peer map=spec',
      'local all unmapped peer',
      'host all trusted all trust',
      'host all clear,clear_odd,clear_new all password',
      'host all md5,md5_odd,md5_new,md5_scram all md5',
      'host all scram,scram_odd,scram_new,none_set all scram-sha-256',
      'local all scram scram-sha-256',
      'local all clear password',
      'local all rejected reject',
      'host all rejected all reject',
      // `replication` does not match logical walsenders.
      'host replication stranger all trust',
    ],
    roles: ROLES,
    settings: { ident_file: 'ident.conf' },
    files: { 'ident.conf': `spec "${userInfo().username}" peered\n` },
  });
  for (const [role, kept] of Object.entries(ROLES)) {
    if (role.endsWith('_odd')) await secured.setPassword(role, ODD, kept);
    if (role.endsWith('_new')) await secured.setPassword(role, NEW, kept);
  }
});

afterAll(() => secured.dispose());

/** The values of require_auth's channel. */
const channel = {
  tls: (): ConnectionOptions => ({ sslmode: 'require' }),
  clear: (): ConnectionOptions => ({ sslmode: 'disable' }),
  socket: (): ConnectionOptions => ({ host: secured.socketFolder }),
};

describe('authentication by pg_hba.conf', () => {
  it.each<[user: string, tls: string, clear: string]>([
    ['trusted', 'trust, TLSv1.3', 'trust, clear'],
    ['scram', 'scram-sha-256, TLSv1.3', 'scram-sha-256, clear'],
    ['md5', 'md5, TLSv1.3', 'md5, clear'],
    ['md5_scram', 'md5, TLSv1.3', 'md5, clear'],
    ['clear', 'password, TLSv1.3', 'AUTHENTICATION_REFUSED'],
    ['rejected', 'HBA_REFUSED', 'HBA_REFUSED'],
    ['stranger', 'HBA_REFUSED', 'HBA_REFUSED'],
    ['none_set', 'AUTHENTICATION_FAILED', 'AUTHENTICATION_FAILED'],
    // No line names the role.
    ['nobody', 'HBA_REFUSED', 'HBA_REFUSED'],
  ])('%s: %s, without TLS %s', async (user, tls, clear) => {
    expect(await secured.outcome({ user, ...channel.tls() })).toBe(tls);
    expect(await secured.outcome({ user, ...channel.clear() })).toBe(clear);
  });

  it.each<[user: string, outcome: string]>([
    ['peered', 'peer, clear'],
    ['unmapped', 'AUTHENTICATION_FAILED'],
    ['trusted', 'trust, clear'],
    ['scram', 'scram-sha-256, clear'],
    // A Unix socket cannot be eavesdropped on.
    ['clear', 'password, clear'],
    ['rejected', 'HBA_REFUSED'],
  ])('%s, over a Unix socket: %s', async (user, outcome) => {
    expect(await secured.outcome({ user, ...channel.socket() })).toBe(outcome);
    // TLS settings and their files do not apply to Unix sockets.
    const tls = { sslmode: 'verify-full', sslrootcert: '/nowhere' };
    expect(await secured.outcome({ user, ...channel.socket(), ...tls })).toBe(outcome);
  });

  it('peer is the user of this process', async () => {
    expect(await secured.logIn({ user: 'peered', ...channel.socket() })).toMatchObject({
      user: 'peered',
      identity: userInfo().username,
    });
  });
});

describe('a password', () => {
  it.each([
    ['password, with special characters', 'clear_odd', ODD],
    ['md5, with special characters', 'md5_odd', ODD],
    ['scram-sha-256, with special characters', 'scram_odd', ODD],
    ['password, one that SASLprep cannot prepare', 'clear_new', NEW],
    ['md5, one that SASLprep cannot prepare', 'md5_new', NEW],
    ['scram-sha-256, one that SASLprep cannot prepare', 'scram_new', NEW],
    ['scram-sha-256, with special characters, normalised', 'scram_odd', 'pass word  IX a ü ü A %41@:/?#\'"\\'],
  ])('%s', async (_, user, password) => {
    expect(await secured.logIn({ user, password })).toMatchObject({ user, identity: user });
  });

  it('percent-encoded in a URI', async () => {
    const { host, port } = secured.server;
    const uri = `postgres://scram_odd:${encodeURIComponent(ODD)}@${host}:${port}/postgres`;
    expect(await secured.outcome(uri)).toBe('scram-sha-256, TLSv1.3');
  });

  it.each(['clear', 'md5', 'scram', 'none_set'])('that is wrong is rejected: %s', async (user) => {
    const error = await secured.refusal({ user, password: `wrong-${PASSWORD}` });
    expect(error).toMatchObject({ code: 'AUTHENTICATION_FAILED', retryable: false, sqlState: '28P01' });
    expect(error.message).toMatch(/Check user, password/);
  });

  it.each(['clear', 'md5', 'scram'])('that is missing is an error: %s', async (user) => {
    const error = await secured.refusal({ user, password: '', passfile: '/nowhere' });
    expect(error).toMatchObject({ code: 'AUTHENTICATION_FAILED', retryable: false });
    expect(error.message).toMatch(/none is set.*PGPASSWORD/s);
  });

  it('that is not requested is not sent', async () => {
    const password = jest.fn(() => PASSWORD);
    expect(await secured.outcome({ user: 'trusted', password })).toBe('trust, TLSv1.3');
    expect(password).not.toHaveBeenCalled();
  });

  it.each([
    ['a reject line', 'rejected'],
    ['no matching line', 'stranger'],
  ])('does not help against %s', async (_, user) => {
    const error = await secured.refusal({ user });
    expect(error).toMatchObject({ code: 'HBA_REFUSED', retryable: false, sqlState: '28000' });
    expect(error.message).toMatch(/pg_hba\.conf line.*"replication" keyword/s);
  });
});

/** The authentication methods of the roles, as in require_auth. */
const ASKED = [
  ['trusted', 'none'],
  ['clear', 'password'],
  ['md5', 'md5'],
  ['md5_scram', 'scram-sha-256'],
  ['scram', 'scram-sha-256'],
] as const;

describe('require_auth', () => {
  it.each<[words: string, met: readonly string[]]>([
    ['none', ['none']],
    ['password', ['password']],
    ['md5', ['md5']],
    ['scram-sha-256', ['scram-sha-256']],
    ['oauth', []],
    ['scram-sha-256,md5', ['md5', 'scram-sha-256']],
    ['none, password', ['none', 'password']],
    ['!none', ['password', 'md5', 'scram-sha-256']],
    ['!password,!md5', ['none', 'scram-sha-256']],
  ])('%s', async (words, met) => {
    for (const [user, asked] of ASKED) {
      const password = jest.fn(() => PASSWORD);
      const outcome = await secured.outcome({ user, password, require_auth: words, ...channel.tls() });
      const isMet = met.includes(asked);
      expect([user, outcome]).toEqual([user, isMet ? expect.stringMatching(/TLSv1\.3$/) : 'AUTHENTICATION_REFUSED']);
      // A disallowed method does not request the password.
      expect(password).toHaveBeenCalledTimes(isMet && asked !== 'none' ? 1 : 0);
    }
  });

  it('must allow password before it is sent in clear text', async () => {
    const named = { user: 'clear', ...channel.clear() };
    expect(await secured.outcome({ ...named, require_auth: 'password' })).toBe('password, clear');
    expect(await secured.outcome({ ...named, require_auth: 'scram-sha-256,password' })).toBe('password, clear');
    const error = await secured.refusal({ ...named, require_auth: '!md5' });
    expect(error).toMatchObject({ code: 'AUTHENTICATION_REFUSED', retryable: false });
    expect(error.message).toMatch(/requests authentication by password, but the connection is not encrypted/);
  });
});

describe('no error contains the password', () => {
  it.each<[connection: ConnectionOptions, code: string]>([
    [{ port: 1, user: 'u' }, 'CONNECTION_REFUSED'],
    [{ ssl: true, user: 'u' }, 'TLS_FAILED'],
    [{ database: 'missing', user: 'scram' }, 'DATABASE_MISSING'],
    [{ options: '-c no_such_setting=1', user: 'scram' }, 'SERVER_ERROR'],
  ])('of a connection that fails: %o', async (connection, code) => {
    expect(await secured.outcome(connection)).toBe(code);
  });

  it('of a URI that is invalid, and of options', () => {
    for (const connection of [
      `postgres://user:${PASSWORD}@[::1/db`,
      `postgres://user:${PASSWORD}%@host:99999/db`,
      { host: 'localhost', port: -1, password: PASSWORD },
      { host: 'localhost', password: PASSWORD, hots: 'typo' },
    ]) {
      let error: ReplicationError | undefined;
      try {
        identifySystem({ connection });
      } catch (thrown) {
        error = thrown as ReplicationError;
      }
      expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
      expect(`${error?.stack ?? ''}${JSON.stringify(error)}`).not.toContain(PASSWORD);
    }
  });
});
