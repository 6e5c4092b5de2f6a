import { chmodSync } from 'node:fs';
import { ConfigError, type ConnectionOptions } from '../../lib/index';
import { writeToFolder, type CertificateFiles } from '../support/certificate-files';
import { A_YEAR_LATER, Authority, encrypted, LONG_AGO, selfSigned, type Credentials } from '../support/certificates';
import { PASSWORD, SecuredServer } from './support/secured-server';

const IN = 'trust, TLSv1.3';
const OUT = 'TLS_FAILED';

let secured: SecuredServer;
/** An unknown certificate authority. */
let other: Authority;
let revoked: Credentials;
let files: CertificateFiles<'root.crt'>;

beforeAll(async () => {
  other = await Authority.make();
  const clientCa = await Authority.make();
  revoked = await clientCa.client('by_certificate');
  secured = await SecuredServer.start({
    hba: [
      'host all anyhow all trust',
      'hostssl all by_certificate all cert',
      'hostssl all with_password all scram-sha-256 clientcert=verify-full',
      'hostssl all with_any all scram-sha-256 clientcert=verify-ca',
      'hostssl all with_nothing all trust clientcert=verify-full',
    ],
    roles: {
      anyhow: 'none',
      by_certificate: 'none',
      with_password: 'scram-sha-256',
      with_any: 'scram-sha-256',
      with_nothing: 'none',
    },
    clientCa,
    settings: { ssl_crl_file: 'client.crl' },
    files: { 'client.crl': await clientCa.revocations(revoked) },
  });
  files = writeToFolder({ 'root.crt': secured.ca.cert });
});

afterAll(async () => {
  files.remove();
  await secured.dispose();
});

const verified = (): ConnectionOptions => ({
  user: 'anyhow',
  sslmode: 'verify-full',
  sslrootcert: files.paths['root.crt'],
});

describe("the server's certificate", () => {
  afterAll(() => secured.show(secured.certificate));

  const tomorrow = new Date(Date.now() + 24 * 3_600_000);
  it.each<[what: string, make: () => Promise<Credentials>, outcomes: string[], message: RegExp]>([
    ['is valid', () => secured.ca.server(), [IN, IN, IN, IN], /^$/],
    [
      'is for another host',
      () => secured.ca.server({ hosts: ['db.example'] }),
      [IN, IN, IN, OUT],
      /is for another host/,
    ],
    [
      'has expired',
      () => secured.ca.server({ notBefore: LONG_AGO, notAfter: A_YEAR_LATER }),
      [IN, OUT, OUT, OUT],
      /has expired/,
    ],
    [
      'is not valid yet',
      () => secured.ca.server({ notBefore: tomorrow, notAfter: new Date(tomorrow.getTime() + 1000) }),
      [IN, OUT, OUT, OUT],
      /is not valid yet/,
    ],
    ['is self-signed', () => selfSigned(), [IN, OUT, OUT, OUT], /self-signed/],
    ['is of an unknown issuer', () => other.server(), [IN, OUT, OUT, OUT], /issuer .* is not trusted/],
  ])('%s', async (_, make, outcomes, message) => {
    await secured.show(await make());
    const sslrootcert = files.paths['root.crt'];
    const found: string[] = [await secured.outcome({ user: 'anyhow', sslmode: 'require' })];
    // If an authority is given, every mode verifies.
    for (const sslmode of ['prefer', 'verify-ca', 'verify-full']) {
      found.push(await secured.outcome({ user: 'anyhow', sslmode, sslrootcert }));
    }
    expect(found).toEqual(outcomes);
    if (outcomes.includes(OUT)) {
      const error = await secured.refusal(verified());
      expect(error).toMatchObject({ retryable: false, message: expect.stringMatching(message) });
    }
  });

  it('is trusted by itself, or by an intermediate certificate that the server sends', async () => {
    const own = await selfSigned();
    const itself = writeToFolder({ 'root.crt': own.cert });
    await secured.show(own);
    expect(await secured.outcome({ ...verified(), sslrootcert: itself.paths['root.crt'] })).toBe(IN);
    itself.remove();

    const between = await Authority.make({}, secured.ca);
    const { cert, key } = await between.server();
    await secured.show({ cert, key });
    expect(await secured.outcome(verified())).toBe(OUT);
    await secured.show({ cert: cert + between.cert, key });
    expect(await secured.outcome(verified())).toBe(IN);
  });

  it('is revoked', async () => {
    const [good, bad] = [await secured.ca.server(), await secured.ca.server()];
    const list = writeToFolder({ 'root.crl': await secured.ca.revocations(bad) });
    const connection = { ...verified(), sslcrl: list.paths['root.crl'] };
    await secured.show(good);
    expect(await secured.outcome(connection)).toBe(IN);
    await secured.show(bad);
    expect((await secured.refusal(connection)).message).toMatch(/was revoked/);
    list.remove();
  });

  it.each<[what: string, certificate: { hosts: string[]; name?: string }, hosts: Readonly<Record<string, string>>]>([
    ['names addresses', { hosts: ['127.0.0.1'] }, { '127.0.0.1': IN, 'db.example': OUT }],
    [
      'names a host',
      { hosts: ['db.example'] },
      { 'db.example': IN, 'DB.example': IN, 'a.db.example': OUT, '127.0.0.1': OUT },
    ],
    ['has a wildcard', { hosts: ['*.db.example'] }, { 'a.db.example': IN, 'b.a.db.example': OUT, 'db.example': OUT }],
    ['has a common name only', { hosts: [], name: 'db.example' }, { 'db.example': IN, 'other.example': OUT }],
    [
      'has a common name and other names',
      { hosts: ['a.example'], name: 'db.example' },
      { 'a.example': IN, 'db.example': OUT },
    ],
  ])('%s', async (_, certificate, hosts) => {
    await secured.show(await secured.ca.server(certificate));
    const found: Record<string, string> = {};
    for (const host of Object.keys(hosts)) {
      found[host] = await secured.outcome({ ...verified(), host, hostaddr: '127.0.0.1' });
    }
    expect(found).toEqual(hosts);
  });
});

/** The credentials of a client. */
const OURS: Readonly<Record<string, (user: string) => Promise<Credentials>>> = {
  'its own': (user) => secured.clientCa.client(user),
  "another's": () => secured.clientCa.client('stranger'),
  'one of an unknown issuer': (user) => other.client(user),
  'one that has expired': (user) => secured.clientCa.client(user, { notBefore: LONG_AGO, notAfter: A_YEAR_LATER }),
  'one that was revoked': () => Promise.resolve(revoked),
};

describe("the client's certificate", () => {
  it.each<[user: string, which: string, outcome: string]>([
    ['by_certificate', 'its own', 'cert'],
    ['by_certificate', "another's", 'AUTHENTICATION_FAILED'],
    ['by_certificate', 'none', 'HBA_REFUSED'],
    ['by_certificate', 'one of an unknown issuer', 'does not trust the issuer of the client certificate'],
    ['by_certificate', 'one that has expired', 'the client certificate has expired'],
    ['by_certificate', 'one that was revoked', 'the client certificate was revoked'],
    ['with_password', 'its own', 'scram-sha-256'],
    ['with_password', "another's", 'AUTHENTICATION_FAILED'],
    ['with_password', 'none', 'HBA_REFUSED'],
    ['with_any', "another's", 'scram-sha-256'],
    ['with_any', 'none', 'HBA_REFUSED'],
    ['with_nothing', 'its own', 'trust'],
    ['with_nothing', "another's", 'AUTHENTICATION_FAILED'],
    // A server that does not require a certificate verifies it if one is presented.
    ['anyhow', "another's", 'trust'],
    ['anyhow', 'one of an unknown issuer', 'does not trust the issuer of the client certificate'],
  ])('%s presents %s: %s', async (user, which, outcome) => {
    const shown = await OURS[which]?.(user);
    const own = writeToFolder({ crt: shown?.cert ?? '', key: shown?.key ?? '' });
    const named = shown && { sslcert: own.paths.crt, sslkey: own.paths.key };
    for (const version of ['TLSv1.2', 'TLSv1.3']) {
      const connection = { ...verified(), user, ...named, ssl_max_protocol_version: version };
      if (!outcome.includes(' ')) {
        expect(await secured.outcome(connection)).toMatch(new RegExp(`^${outcome}(, ${version})?$`));
      } else {
        // The alert is the reason; in TLS 1.3 it is received after the client's handshake.
        const error = await secured.refusal(connection);
        expect(error).toMatchObject({ code: 'TLS_FAILED', retryable: false });
        expect(error.message).toContain(outcome);
      }
    }
    own.remove();
  });

  it('is not a response to an authentication request, so require_auth treats it as none', async () => {
    const { cert, key } = await secured.clientCa.client('by_certificate');
    const connection = { user: 'by_certificate', ssl: { ca: secured.ca.cert, cert, key } };
    const admitted = await secured.logIn({ ...connection, require_auth: 'none' });
    expect(admitted).toMatchObject({ method: 'cert', identity: 'CN=by_certificate' });
    expect(await secured.outcome({ ...connection, require_auth: 'scram-sha-256' })).toBe('AUTHENTICATION_REFUSED');
    expect(await secured.outcome({ ...connection, channel_binding: 'require' })).toBe('AUTHENTICATION_REFUSED');
  });

  it.each<[what: string, options: ConnectionOptions, outcome: string]>([
    ['with its passphrase', { sslpassword: `${PASSWORD} passphrase` }, 'cert, TLSv1.3'],
    ['with another passphrase', { sslpassword: `${PASSWORD} other` }, 'sslpassword'],
    ['without a passphrase', {}, 'sslpassword'],
  ])('has an encrypted key, %s: %s', async (_, options, outcome) => {
    const { cert, key } = await secured.clientCa.client('by_certificate');
    const own = writeToFolder({ crt: cert, key: encrypted(key, `${PASSWORD} passphrase`) });
    const named = { user: 'by_certificate', sslcert: own.paths.crt, sslkey: own.paths.key };
    await expectOutcome({ ...verified(), ...named, ...options }, outcome);
    own.remove();
  });

  it.each<[what: string, change: (paths: Record<string, string>) => ConnectionOptions, option: string]>([
    ['the key of another certificate', ({ foreign }) => ({ sslkey: foreign }), 'sslkey'],
    ['no key', () => ({ sslkey: '' }), 'sslkey'],
    ['a missing key file', () => ({ sslkey: '/nowhere' }), 'sslkey'],
    [
      'a key that others may read',
      ({ key = '' }) => {
        chmodSync(key, 0o644);
        return { sslkey: key };
      },
      'sslkey',
    ],
    ['no certificate in its file', ({ foreign }) => ({ sslcert: foreign }), 'sslcert'],
  ])('has %s', async (_, change, option) => {
    const { cert, key } = await secured.clientCa.client('by_certificate');
    const own = writeToFolder({ crt: cert, key, foreign: revoked.key });
    const named = { user: 'by_certificate', sslcert: own.paths.crt, sslkey: own.paths.key };
    await expectOutcome({ ...verified(), ...named, ...change(own.paths) }, option);
    own.remove();
  });
});

/** @param outcome the server's log entry, or the invalid option */
async function expectOutcome(connection: ConnectionOptions, outcome: string): Promise<void> {
  if (outcome.includes(',')) {
    expect(await secured.outcome(connection)).toBe(outcome);
    return;
  }
  const error = await secured.refusal(connection);
  expect(error).toBeInstanceOf(ConfigError);
  expect(error).toMatchObject({ option: `connection.${outcome}` });
}
