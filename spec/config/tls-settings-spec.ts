import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TlsSettings } from '../../lib/net/target';
import { getError, resolve, type Environment } from './support/resolve-connection';

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'tls-'));
});

afterEach(() => {
  rmSync(home, { recursive: true });
});

/** A file that no other user can read. */
function file(name: string, content = name, mode = 0o600): string {
  const path = join(home, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

/** A file in libpq's default folder. */
function defaultFile(name: string, mode?: number): void {
  mkdirSync(join(home, '.postgresql'), { recursive: true });
  file(join('.postgresql', name), `default ${name}`, mode);
}

function tlsOf(connection: unknown, env: Environment = {}): TlsSettings | undefined {
  return resolve(connection, { HOME: home, ...env }).hosts.targets[0]?.tls;
}

/** The options of tls.connect, with files as text. */
function optionsOf(connection: unknown, env: Environment = {}): Record<string, unknown> {
  const options = Object.entries(tlsOf(connection, env)?.options() ?? {});
  return Object.fromEntries(options.map(([name, value]) => [name, Buffer.isBuffer(value) ? value.toString() : value]));
}

const NOT_VERIFIED = { rejectUnauthorized: false };
const VERIFIED = { rejectUnauthorized: true };
/** The chain is verified, the host name is not. */
const BY_CHAIN = { rejectUnauthorized: true, checkServerIdentity: expect.any(Function) as unknown };

describe('sslmode', () => {
  it('defaults to prefer', () => {
    expect(tlsOf(undefined)).toMatchObject({ optional: true, direct: false });
    expect(optionsOf(undefined)).toEqual(NOT_VERIFIED);
    expect(optionsOf({ ssl: undefined })).toEqual(NOT_VERIFIED);
    expect(optionsOf({ ssl: null })).toEqual(NOT_VERIFIED);
  });

  it.each<[mode: string, alone: unknown, withAuthority: unknown]>([
    ['prefer', NOT_VERIFIED, BY_CHAIN],
    ['require', NOT_VERIFIED, BY_CHAIN],
    ['verify-ca', undefined, BY_CHAIN],
    ['verify-full', VERIFIED, VERIFIED],
  ])('%s verifies depending on the certificates', (mode, alone, withAuthority) => {
    const sslrootcert = file('ca.pem');
    if (alone !== undefined) expect(optionsOf({ sslmode: mode })).toEqual(alone);
    else expect(getError({ sslmode: mode }).message).toContain('verify-ca requires sslrootcert');
    expect(optionsOf({ sslmode: mode, sslrootcert })).toEqual({ ...Object(withAuthority), ca: 'ca.pem' });
    expect(tlsOf({ sslmode: mode, sslrootcert })?.optional).toBe(mode === 'prefer');
    defaultFile('root.crt');
    expect(optionsOf({ sslmode: mode })).toEqual({ ...Object(withAuthority), ca: 'default root.crt' });
  });

  it('disable uses no TLS, and reads no files', () => {
    expect(tlsOf({ sslmode: 'disable', sslrootcert: '/nowhere' })).toBeUndefined();
  });

  it('no-verify encrypts without verification, as in pg', () => {
    defaultFile('root.crt');
    expect(optionsOf('sslmode=no-verify')).toEqual(NOT_VERIFIED);
    expect(tlsOf('sslmode=no-verify')?.optional).toBe(false);
  });

  it('explains why allow is not supported', () => {
    expect(getError({}, { PGSSLMODE: 'allow' }).message).toContain('it tries clear text first');
  });

  it.each([
    ['verify_full', 'verify-full'],
    ['VERIFY-FULL', 'verify-full'],
    ['verifyfull', 'verify-full'],
    ['required', 'require'],
    ['disabled', 'disable'],
  ])('rejects %s and suggests %s', (mode, meant) => {
    const error = getError({ sslmode: mode });
    expect(error.option).toBe('connection.sslmode');
    expect(error.message).toContain(`Did you mean \`${meant}\`?`);
  });

  it('is read from the object, then the string, then the environment', () => {
    const env = { PGSSLMODE: 'disable' };
    expect(tlsOf({}, env)).toBeUndefined();
    expect(tlsOf('sslmode=require', env)).toMatchObject({ optional: false });
    expect(tlsOf('postgres://h?sslmode=prefer', env)).toMatchObject({ optional: true });
    expect(tlsOf({ connectionString: 'sslmode=disable', sslmode: 'require' }, env)).toMatchObject({ optional: false });
    expect(tlsOf('postgres://h?sslmode=', env)).toBeUndefined();
    expect(getError({}, { PGSSLMODE: 'on' }).message).toContain('(from PGSSLMODE)');
  });

  it('is require if PGREQUIRESSL is 1, with lower precedence than PGSSLMODE', () => {
    expect(tlsOf({}, { PGREQUIRESSL: '1' })?.optional).toBe(false);
    expect(tlsOf({}, { PGREQUIRESSL: '0' })?.optional).toBe(true);
    expect(tlsOf({}, { PGREQUIRESSL: '1', PGSSLMODE: 'disable' })).toBeUndefined();
  });

  it('is ignored for Unix sockets, whose files need not exist', () => {
    const { targets } = resolve('host=/tmp,h,@x sslmode=require').hosts;
    expect(targets.map(({ tls }) => tls !== undefined)).toEqual([false, true, false]);
    expect(tlsOf('host=/tmp sslmode=verify-full sslrootcert=/nowhere')).toBeUndefined();
    expect(tlsOf('host=/tmp hostaddr=127.0.0.1 sslmode=require')).toBeDefined();
  });
});

describe('sslrootcert=system', () => {
  it('verifies in full with the authorities that Node.js trusts', () => {
    defaultFile('root.crt');
    expect(optionsOf('sslrootcert=system')).toEqual(VERIFIED);
    expect(optionsOf('sslrootcert=system sslmode=verify-full')).toEqual(VERIFIED);
    expect(optionsOf({}, { PGSSLROOTCERT: 'system' })).toEqual(VERIFIED);
  });

  it.each(['disable', 'prefer', 'require', 'verify-ca', 'no-verify'])('is rejected with sslmode=%s', (sslmode) => {
    expect(getError({ sslrootcert: 'system', sslmode }).message).toContain('must be verify-full');
  });
});

describe('sslnegotiation', () => {
  it('may be direct if TLS is required', () => {
    expect(tlsOf('sslnegotiation=direct sslmode=require')?.direct).toBe(true);
    expect(tlsOf({ sslnegotiation: 'direct', ssl: true })?.direct).toBe(true);
    expect(tlsOf({ sslnegotiation: 'postgres', ssl: true })?.direct).toBe(false);
    expect(tlsOf('sslmode=require', { PGSSLNEGOTIATION: 'direct' })?.direct).toBe(true);
  });

  it.each([
    'sslnegotiation=direct',
    'sslnegotiation=direct sslmode=prefer',
    'sslnegotiation=direct sslmode=disable',
    'sslnegotiation=Direct sslmode=require',
    { sslnegotiation: 'direct', ssl: false },
  ])('cannot be %j', (connection) => {
    expect(getError(connection).option).toBe('connection.sslnegotiation');
  });
});

describe('a client certificate', () => {
  it('is used with its key and passphrase', () => {
    const connection = { sslcert: file('a.crt'), sslkey: file('a.key'), sslpassword: 'hunter2' };
    expect(optionsOf(connection)).toEqual({ ...NOT_VERIFIED, cert: 'a.crt', key: 'a.key', passphrase: 'hunter2' });
  });

  it("defaults to libpq's file", () => {
    defaultFile('postgresql.crt');
    defaultFile('postgresql.key');
    const key = 'default postgresql.key';
    expect(optionsOf({})).toEqual({ ...NOT_VERIFIED, cert: 'default postgresql.crt', key });
    expect(optionsOf({ sslcert: file('a.crt') })).toMatchObject({ cert: 'a.crt', key });
  });

  it('requires a key', () => {
    expect(getError({ sslcert: file('a.crt') })).toMatchObject({ option: 'connection.sslkey' });
    expect(optionsOf({ sslkey: file('a.key') })).toEqual(NOT_VERIFIED);
  });

  it.each([0o644, 0o640, 0o660, 0o604, 0o601])('is not used with a key that other users can read: mode %o', (mode) => {
    const isOfRoot = process.getuid?.() === 0;
    const connection = { sslcert: file('a.crt'), sslkey: file('a.key', 'hunter2', mode) };
    // root's key may be readable by its group.
    if (isOfRoot && mode === 0o640) expect(optionsOf(connection)).toMatchObject({ key: 'hunter2' });
    else expect(getError(connection).message).toContain('chmod 600');
  });
});

describe('a revocation list', () => {
  it('is used with the authorities', () => {
    const [sslrootcert, sslcrl] = [file('ca.pem'), file('crl.pem')];
    expect(optionsOf({ sslrootcert, sslcrl })).toEqual({ ...BY_CHAIN, ca: 'ca.pem', crl: 'crl.pem' });
    defaultFile('root.crl');
    expect(optionsOf({ sslrootcert })).toMatchObject({ crl: 'default root.crl' });
    expect(optionsOf({})).toEqual(NOT_VERIFIED);
  });

  it('applies to the authorities of Node.js if it is given explicitly', () => {
    defaultFile('root.crl');
    expect(optionsOf('sslmode=verify-full')).toEqual(VERIFIED);
    expect(optionsOf({ sslmode: 'verify-full', sslcrl: file('crl.pem') })).toEqual({ ...VERIFIED, crl: 'crl.pem' });
  });

  it('is an error without verification', () => {
    expect(getError({ sslcrl: file('crl.pem') }).message).toContain('has no effect without verification');
    expect(getError({ sslmode: 'require' }, { PGSSLCRL: '/x' }).message).toContain('(from PGSSLCRL)');
  });
});

describe('files', () => {
  it('are read again for each connection', () => {
    const path = file('ca.pem', 'old');
    const tls = tlsOf({ sslrootcert: path });
    writeFileSync(path, 'new');
    expect(tls?.options().ca?.toString()).toBe('new');
    rmSync(path);
    expect(() => tls?.options()).toThrow(`connection.sslrootcert: ${path} cannot be read (ENOENT)`);
  });

  it.each(['sslrootcert', 'sslcert', 'sslcrl'])('must exist if they are given explicitly: %s', (name) => {
    const connection = { sslrootcert: file('ca.pem'), [name]: '/nowhere/x.pem' };
    expect(getError(connection)).toMatchObject({ option: `connection.${name}` });
    expect(getError({ ...connection, [name]: home }).message).toContain('EISDIR');
    const uri = `postgres://h?sslrootcert=${file('ca.pem')}&${name}=/nowhere/x.pem`;
    expect(getError(uri).message).toContain('/nowhere/x.pem cannot be read (ENOENT) (from the connection string)');
  });

  it.each(['sslrootcert', 'sslcert', 'sslkey', 'sslcrl'])(
    'are given by path; their contents are not shown: %s',
    (name) => {
      const named = { sslrootcert: file('ca.pem'), sslcert: file('a.crt'), sslkey: file('a.key') };
      for (const pem of ['-----BEGIN PRIVATE KEY-----\nhunter2\n', '-----BEGIN hunter2', 'MIIhunter2\nhunter2']) {
        const error = getError({ ...named, [name]: pem });
        expect(error.option).toBe(`connection.${name}`);
        expect(error.message).toContain('set ssl: {');
      }
    },
  );

  it('are not searched without a home folder, nor in the current folder', () => {
    expect(optionsOf({}, { HOME: '' })).toEqual(NOT_VERIFIED);
    expect(optionsOf({}, { HOME: '/nowhere' })).toEqual(NOT_VERIFIED);
  });

  it("in libpq's folder are an error if they cannot be used", () => {
    defaultFile('postgresql.crt');
    defaultFile('postgresql.key', 0o644);
    expect(getError({}, { HOME: home }).option).toBe('connection.sslkey');
    mkdirSync(join(home, '.postgresql', 'root.crt'));
    expect(getError({ sslcert: file('a.crt'), sslkey: file('a.key') }, { HOME: home }).message).toContain('EISDIR');
  });
});

describe('versions of TLS', () => {
  it('can be set', () => {
    const versions = 'ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=tlsv1.3';
    expect(optionsOf(versions)).toEqual({ ...NOT_VERIFIED, minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' });
    expect(optionsOf({}, { PGSSLMINPROTOCOLVERSION: 'TLSv1.3' })).toMatchObject({ minVersion: 'TLSv1.3' });
  });

  it('are at least 1.2', () => {
    expect(getError('ssl_min_protocol_version=TLSv1.1').message).toContain('below 1.2 is insecure');
    expect(getError({ ssl: { minVersion: 'TLSv1' } }).option).toBe('connection.ssl.minVersion');
    expect(getError('ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2').message).toContain(
      'must not be less',
    );
  });
});

describe('sslsni', () => {
  it('omits the server name', () => {
    expect(optionsOf({})).not.toHaveProperty('servername');
    for (const sslsni of [0, false, '0']) expect(optionsOf({ sslsni })).toMatchObject({ servername: '' });
    expect(optionsOf({}, { PGSSLSNI: '0' })).toMatchObject({ servername: '' });
    expect(getError({ sslsni: 'off' }).option).toBe('connection.sslsni');
  });
});

describe('ssl', () => {
  it("true verifies in full, and ignores libpq's files", () => {
    defaultFile('root.crt');
    expect(tlsOf({ ssl: true })).toMatchObject({ optional: false, direct: false });
    expect(optionsOf({ ssl: true }, { PGSSLMODE: 'disable', PGSSLROOTCERT: '/nowhere' })).toEqual({});
  });

  it('false uses no TLS', () => {
    expect(tlsOf({ ssl: false }, { PGSSLMODE: 'require' })).toBeUndefined();
    expect(tlsOf({ ssl: false, connectionString: 'sslmode=verify-full' })).toBeUndefined();
  });

  it('accepts the options of tls.connect', () => {
    const ssl = { ca: 'x', rejectUnauthorized: false };
    expect(optionsOf({ ssl, connectionString: 'sslmode=disable' })).toEqual(ssl);
    expect(tlsOf({ ssl })?.optional).toBe(false);
  });

  it.each(['require', 'hunter2', 1, []])('cannot be %j', (ssl) => {
    expect(getError({ ssl }).option).toBe('connection.ssl');
  });

  it.each(['sslmode', 'sslrootcert', 'sslcrl', 'sslcert', 'sslkey', 'sslpassword', 'ssl_min_protocol_version'])(
    'cannot be combined with %s',
    (name) => {
      expect(getError({ ssl: true, [name]: 'hunter2' }).message).toContain(`cannot be combined with ${name}`);
      expect(tlsOf({ ssl: true, [name]: '' })).toBeDefined();
    },
  );
});
