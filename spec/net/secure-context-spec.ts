import { inspect } from 'node:util';
import type { ConnectionOptions, SecureContext } from 'node:tls';
import { ConfigError } from '../../lib/common/errors';
import { loadSecureContext } from '../../lib/net/secure-context';
import { Authority, encrypted, type Credentials } from '../support/certificates';
import { TlsFixture } from './support/tls-server';

const PASSPHRASE = 'open sesame';

let ca: Authority;
let own: Credentials;
let locked: string;

beforeAll(async () => {
  ca = await Authority.make();
  own = await ca.client('app');
  locked = encrypted(own.key, PASSPHRASE);
});

/** The error for these options. */
function refused(options: ConnectionOptions): ConfigError {
  try {
    loadSecureContext(options);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('it was made');
}

describe('secureContextOf', () => {
  it('accepts certificates, keys, and passphrases', async () => {
    const crl = await ca.revocations();
    expect(() => loadSecureContext({ ca: ca.cert, crl, cert: own.cert, key: own.key })).not.toThrow();
    expect(() => loadSecureContext({ cert: own.cert, key: locked, passphrase: PASSPHRASE })).not.toThrow();
    expect(() => loadSecureContext({})).not.toThrow();
  });

  it('returns an existing context unchanged', () => {
    const secureContext: SecureContext = loadSecureContext({});
    expect(loadSecureContext({ secureContext, key: 'nonsense' })).toBe(secureContext);
  });

  it.each<[option: string, what: RegExp, options: () => ConnectionOptions]>([
    [
      'connection.sslrootcert',
      /expected a certificate in PEM/,
      () => ({ ca: 'nonsense', cert: own.cert, key: own.key }),
    ],
    ['connection.sslrootcert', /expected a certificate in PEM/, () => ({ ca: '' })],
    ['connection.sslrootcert', /expected a certificate in PEM/, () => ({ ca: [] })],
    ['connection.sslrootcert', /expected a certificate in PEM/, () => ({ ca: [ca.cert, Buffer.from(own.key)] })],
    ['connection.sslrootcert', /expected a certificate in PEM/, () => ({ ca: ca.cert.replace('MII', '!!!') })],
    ['connection.sslrootcert', /expected a certificate in PEM/, () => ({ ca: ca.der })],
    ['connection.sslcrl', /expected a certificate revocation list/, () => ({ crl: own.cert })],
    ['connection.sslcert', /expected a certificate in PEM/, () => ({ cert: own.key, key: own.key })],
    ['connection.sslkey', /expected a private key/, () => ({ cert: own.cert, key: own.cert })],
    ['connection.sslkey', /expected a private key/, () => ({ cert: own.cert, key: Buffer.from('nonsense') })],
    ['connection.sslkey', /expected the key of the certificate/, () => ({ cert: own.cert, key: ca.key })],
    ['connection.sslpassword', /missing.*encrypted/, () => ({ cert: own.cert, key: locked })],
    ['connection.sslpassword', /missing.*encrypted/, () => ({ cert: own.cert, key: locked, passphrase: '' })],
    ['connection.sslpassword', /does not decrypt/, () => ({ cert: own.cert, key: locked, passphrase: 'open barley' })],
    ['connection.sslpassword', /does not decrypt/, () => ({ key: Buffer.from(locked), passphrase: 'open barley' })],
    ['connection.ssl', /pfx/, () => ({ pfx: Buffer.from('nonsense'), passphrase: PASSPHRASE })],
    ['connection.ssl', /ERR_/, () => ({ minVersion: 'TLSv1.3', secureProtocol: 'TLSv1_2_method' })],
  ])('names %s: %s', (option, what, options) => {
    const error = refused(options());
    expect(error.option).toBe(option);
    expect(error.message).toMatch(what);
  });

  it('shows no secret', () => {
    const texts = [
      refused({ cert: own.cert, key: locked, passphrase: 'open barley' }),
      refused({ cert: own.cert, key: ca.key }),
      refused({ cert: own.cert, key: 'hidden treasure' }),
    ].map((error) => inspect(error, { depth: 9, showHidden: true }));
    for (const text of texts) {
      expect(text).not.toMatch(/barley|treasure|PRIVATE KEY/);
      expect(text).not.toContain(ca.key.split('\n')[1]);
    }
  });
});

describe('options that cannot be used', () => {
  let fixture: TlsFixture;

  beforeEach(() => (fixture = new TlsFixture()));

  afterEach(() => fixture.close());

  it.each([false, true])('end the connection before the handshake, direct %s', async (direct) => {
    const answer = direct ? undefined : 'S';
    await fixture.open({ answer }, { cert: own.cert, key: locked, passphrase: 'open barley' }, { direct });
    expect(await fixture.failure()).toBeInstanceOf(ConfigError);
    expect(fixture.events.log).toEqual(['closed']);
    expect(fixture.clear).toHaveLength(0);
  });

  it('end it with the error that the function for them has thrown, which may be retryable', async () => {
    const unreadable = new ConfigError('connection.sslrootcert', '/etc/ca.pem cannot be read (EACCES)');
    await fixture.open({}, () => {
      throw unreadable;
    });
    const { message } = unreadable;
    expect(await fixture.failure()).toMatchObject({ code: 'CONFIG_INVALID', message, retryable: true });
    expect(fixture.events.log).toEqual(['closed']);
    expect(fixture.clear).toHaveLength(0);
  });

  it('are requested for each connection, and only with TLS', async () => {
    let asked = 0;
    const options = () => {
      asked++;
      return { ca: ca.cert };
    };
    const transport = await fixture.open({ answer: 'N' }, options, { optional: true });
    await fixture.connected();
    expect(asked).toBe(0);
    transport.destroy();
    await fixture.close();

    const server = await ca.server();
    for (const count of [1, 2]) {
      fixture = new TlsFixture();
      const secured = await fixture.open({ tls: server }, options);
      await fixture.connected();
      expect(asked).toBe(count);
      secured.destroy();
      await fixture.close();
    }
  });
});
