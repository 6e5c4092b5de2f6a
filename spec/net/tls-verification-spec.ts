import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { connectSocket } from '../../lib/net/transport';
import { A_YEAR_LATER, Authority, LONG_AGO, selfSigned, type Credentials } from '../support/certificates';
import { until } from './support/local-server';
import { TlsFixture, type Script } from './support/tls-server';

let ca: Authority;
let server: Credentials;
let fixture: TlsFixture;

beforeAll(async () => {
  ca = await Authority.make();
  server = await ca.server();
});

beforeEach(() => (fixture = new TlsFixture()));

afterEach(() => fixture.close());

/** The error of the connection. Verifies that nothing confidential was sent. */
async function failure(tls: Script['tls'], options: ConnectionOptions, host?: string): Promise<Error> {
  await fixture.open({ tls }, options, host === undefined ? {} : { host, address: '127.0.0.1' });
  const cause = await fixture.failure();
  expect(fixture.events.log).toEqual(['closed']);
  expect(cause).toMatchObject({ name: 'ConnectionError', code: 'TLS_FAILED', retryable: false });
  expect(fixture.inside).toBe('');
  return cause!;
}

describe('a server certificate', () => {
  it('for another host is rejected', async () => {
    const error = await failure(server, { ca: ca.cert }, 'db.example');
    expect(error.message).toMatch(/is for another host \(.*db\.example.*\)\. .*host .*hostaddr.*verify-ca/s);
    expect(error).toMatchObject({ cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } });
  });

  it('that has expired is rejected', async () => {
    const expired = await ca.server({ notBefore: LONG_AGO, notAfter: A_YEAR_LATER });
    const error = await failure(expired, { ca: ca.cert });
    expect(error.message).toMatch(/has expired .*Renew/);
  });

  it('that is not valid yet is rejected', async () => {
    const tomorrow = new Date(Date.now() + 24 * 3_600_000);
    const early = await ca.server({ notBefore: tomorrow, notAfter: new Date(tomorrow.getTime() + 1000) });
    const error = await failure(early, { ca: ca.cert });
    expect(error.message).toMatch(/not valid yet .*clock/);
  });

  it('that is self-signed is rejected', async () => {
    const error = await failure(await selfSigned(), { ca: ca.cert });
    expect(error.message).toMatch(/self-signed .*sslrootcert.*sslmode=require/);
  });

  it('of an unknown issuer is rejected', async () => {
    const other = await Authority.make();
    const error = await failure(server, { ca: other.cert });
    expect(error.message).toMatch(/issuer of the server's certificate is not trusted .*sslrootcert/);
  });

  it('of an unknown root that the server has sent is rejected', async () => {
    const other = await Authority.make();
    const error = await failure({ key: server.key, cert: server.cert + ca.cert }, { ca: other.cert });
    expect(error.message).toMatch(/root of the server's certificate is not trusted .*sslrootcert/);
  });

  it('whose issuer’s issuer is missing is rejected', async () => {
    const middle = await Authority.make({}, ca);
    const error = await failure(await middle.server(), { ca: ca.cert });
    expect(error.message).toMatch(/is not trusted .*the server send the intermediate certificates/);
  });

  it('that is revoked is rejected, and another one is not', async () => {
    const error = await failure(server, { ca: ca.cert, crl: await ca.revocations(server) });
    expect(error.message).toMatch(/was revoked/);
    await fixture.close();

    fixture = new TlsFixture();
    const crl = await ca.revocations(await ca.server());
    const transport = await fixture.open({ tls: server }, { ca: ca.cert, crl });
    await fixture.connected();
    transport.destroy();
  });

  it('is rejected if a revocation list does not cover its issuer', async () => {
    const other = await Authority.make();
    const error = await failure(server, { ca: ca.cert, crl: await other.revocations() });
    expect(error.message).toMatch(/revocation status .* is unknown .*sslcrl/);
  });

  it('is rejected by a custom checkServerIdentity, whose reason is reported', async () => {
    const checkServerIdentity = () => new Error('this is not the server that I know');
    const error = await failure(server, { ca: ca.cert, checkServerIdentity });
    expect(error.message).toContain('this is not the server that I know');
  });

  it.each(['127.0.0.1', 'localhost'])('for %s is valid for it', async (host) => {
    const transport = await fixture.open({ tls: server }, { ca: ca.cert }, { host, address: '127.0.0.1' });
    await fixture.connected();
    transport.destroy();
  });

  it('for a name only is rejected for the name’s address', async () => {
    const named = await ca.server({ hosts: ['localhost'] });
    const error = await failure(named, { ca: ca.cert }, '127.0.0.1');
    expect(error.message).toMatch(/for another host/);
  });

  it('of any kind is accepted without verification, whatever the host', async () => {
    const own = await selfSigned({ notBefore: LONG_AGO, notAfter: A_YEAR_LATER, hosts: [] });
    const transport = await fixture.open({ tls: own }, { rejectUnauthorized: false });
    await fixture.connected();
    expect(fixture.events.channel).toEqual({ kind: 'tls', address: '127.0.0.1', certificate: own.der });
    transport.destroy();
  });

  it('is verified whatever NODE_TLS_REJECT_UNAUTHORIZED is', async () => {
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      await failure(server, {});
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    }
  });

  it('and no option that is there but undefined makes it less', async () => {
    const nothing = { rejectUnauthorized: undefined, checkServerIdentity: undefined, servername: undefined };
    const error = await failure(server, { ca: ca.cert, minVersion: undefined, ...nothing }, 'db.example');
    expect(error.message).toMatch(/for another host/);
  });

  it('is verified before bytes may be written, and before any are', async () => {
    const seen: string[] = [];
    const checkServerIdentity = (host: string) => {
      seen.push(`verified for ${host}`, ...fixture.events.log, fixture.inside);
      return undefined;
    };
    const transport = await fixture.open({ tls: server }, { ca: ca.cert, checkServerIdentity });
    await until(() => fixture.inside === 'hello');
    expect(seen).toEqual(['verified for 127.0.0.1', '']);
    transport.destroy();
  });
});

it('the server may not renegotiate after verification', async () => {
  const secured = (socket: TLSSocket) => socket.renegotiate({}, () => undefined);
  await fixture.open({ tls: { ...server, maxVersion: 'TLSv1.2' }, secured }, { ca: ca.cert });
  expect(await fixture.failure()).toBeDefined();
  expect(fixture.events.log).toEqual(['connected', 'closed']);
});

describe('the server name (SNI)', () => {
  it('is the host, even if the address differs', async () => {
    const transport = await fixture.open({ tls: server }, { ca: ca.cert }, { host: 'localhost', address: '127.0.0.1' });
    await fixture.connected();
    await until(() => fixture.servername === 'localhost');
    transport.destroy();
  });

  it.each<[what: string, host: string, options: ConnectionOptions]>([
    ['is not sent for an IP address', '127.0.0.1', {}],
    ['is not sent if servername is empty, and the identity is still the host', 'localhost', { servername: '' }],
  ])('%s', async (_, host, options) => {
    const transport = await fixture.open({ tls: server }, { ca: ca.cert, ...options }, { host, address: '127.0.0.1' });
    await fixture.connected();
    await until(() => fixture.servername !== undefined);
    expect(fixture.servername).toBe(false);
    transport.destroy();
  });

  it('does not affect the identity that is verified if it is omitted', async () => {
    const error = await failure(server, { ca: ca.cert, servername: '' }, 'db.example');
    expect(error.message).toMatch(/for another host .*db\.example/);
  });
});

describe('the TLS version', () => {
  it('is at least 1.2', async () => {
    const tls = { ...server, minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const;
    const error = await failure(tls, { ca: ca.cert });
    expect(error.message).toMatch(/no TLS version in common .*ssl_min_protocol_version/);
  });

  it('can be restricted further', async () => {
    const error = await failure({ ...server, maxVersion: 'TLSv1.2' }, { ca: ca.cert, minVersion: 'TLSv1.3' });
    expect(error.message).toMatch(/no TLS version in common/);
  });
});

describe('a client certificate', () => {
  const wanted = (): Script['tls'] => ({ ...server, ca: ca.cert, requestCert: true, rejectUnauthorized: true });

  it('is sent', async () => {
    const { cert, key } = await ca.client('app');
    const transport = await fixture.open({ tls: wanted() }, { ca: ca.cert, cert, key });
    await until(() => fixture.client === 'CN=app');
    expect(fixture.events.log).toEqual(['connected']);
    transport.destroy();
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('that is missing is not a lost connection with %s', async (version) => {
    await fixture.open({ tls: { ...wanted(), minVersion: version, maxVersion: version } }, { ca: ca.cert });
    expect(await fixture.failure()).toMatchObject({ code: 'TLS_FAILED', retryable: false });
    expect(fixture.events.cause?.message).toMatch(/sslcert and sslkey/);
    if (version === 'TLSv1.3') expect(fixture.events.cause?.message).toMatch(/requires a client certificate/);
    expect(fixture.inside).toBe('');
  });

  it.each<[alert: number, said: RegExp]>([
    [42, /cannot use the client certificate/],
    [43, /cannot use the client certificate/],
    [44, /client certificate was revoked/],
    [45, /client certificate has expired/],
    [46, /does not accept the client certificate/],
    [48, /does not trust the issuer of the client certificate/],
    [116, /requires a client certificate/],
    [70, /no TLS version in common/],
    [80, /The TLS handshake failed \(.*internal error\)/],
    [120, /does not support the protocol postgresql/],
  ])("and the server's alert %i are reported as such", async (alert, said) => {
    await fixture.open({
      answered: (socket) => socket.once('data', () => socket.end(Buffer.from([21, 3, 3, 0, 2, 2, alert]))),
    });
    expect(await fixture.failure()).toMatchObject({ code: 'TLS_FAILED', retryable: false });
    expect(fixture.events.cause?.message).toMatch(said);
  });
});

it('TLS is not used over a Unix socket', async () => {
  const target = await fixture.serve({});
  await fixture.close();
  const settings = { options: () => ({}), optional: false, direct: false };
  connectSocket({ ...target, host: '/nowhere', tls: settings }, fixture.events);
  expect(await fixture.failure()).toHaveProperty('code', 'ENOENT');
});
