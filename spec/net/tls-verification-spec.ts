import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { connectSocket } from '../../lib/net/transport';
import { A_YEAR_LATER, Authority, LONG_AGO, selfSigned, type Credentials } from '../support/certificates';
import { until } from './support/local-server';
import { Scene, type Script } from './support/tls-server';

let ca: Authority;
let server: Credentials;
let scene: Scene;

beforeAll(async () => {
  ca = await Authority.make();
  server = await ca.server();
});

beforeEach(() => (scene = new Scene()));

afterEach(() => scene.close());

/** How the connection fails; nothing that is for the server alone has gone out. */
async function failure(tls: Script['tls'], options: ConnectionOptions, host?: string): Promise<Error> {
  await scene.open({ tls }, options, host === undefined ? {} : { host, address: '127.0.0.1' });
  const cause = await scene.failure();
  expect(scene.events.log).toEqual(['closed']);
  expect(cause).toMatchObject({ name: 'ConnectionError', code: 'TLS_FAILED', retryable: false });
  expect(scene.inside).toBe('');
  return cause!;
}

describe('a server certificate', () => {
  it('for another host is refused', async () => {
    const error = await failure(server, { ca: ca.cert }, 'db.example');
    expect(error.message).toMatch(/is for another host \(.*db\.example.*\)\. .*host .*hostaddr.*verify-ca/s);
    expect(error).toMatchObject({ cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } });
  });

  it('that has expired is refused', async () => {
    const expired = await ca.server({ notBefore: LONG_AGO, notAfter: A_YEAR_LATER });
    const error = await failure(expired, { ca: ca.cert });
    expect(error.message).toMatch(/has expired .*Renew/);
  });

  it('that is not valid yet is refused', async () => {
    const tomorrow = new Date(Date.now() + 24 * 3_600_000);
    const early = await ca.server({ notBefore: tomorrow, notAfter: new Date(tomorrow.getTime() + 1000) });
    const error = await failure(early, { ca: ca.cert });
    expect(error.message).toMatch(/not valid yet .*clock/);
  });

  it('that vouches for itself is refused', async () => {
    const error = await failure(await selfSigned(), { ca: ca.cert });
    expect(error.message).toMatch(/self-signed .*sslrootcert.*sslmode=require/);
  });

  it('of an unknown issuer is refused', async () => {
    const other = await Authority.make();
    const error = await failure(server, { ca: other.cert });
    expect(error.message).toMatch(/issuer of the server's certificate is not trusted .*sslrootcert/);
  });

  it('of an unknown root that the server has sent along is refused', async () => {
    const other = await Authority.make();
    const error = await failure({ key: server.key, cert: server.cert + ca.cert }, { ca: other.cert });
    expect(error.message).toMatch(/root of the server's certificate is not trusted .*sslrootcert/);
  });

  it('whose issuer’s own issuer is missing is refused', async () => {
    const middle = await Authority.make({}, ca);
    const error = await failure(await middle.server(), { ca: ca.cert });
    expect(error.message).toMatch(/is not trusted .*the server send the intermediate certificates/);
  });

  it('that was revoked is refused, and another one is not', async () => {
    const error = await failure(server, { ca: ca.cert, crl: await ca.revocations(server) });
    expect(error.message).toMatch(/was revoked/);
    await scene.close();

    scene = new Scene();
    const crl = await ca.revocations(await ca.server());
    const transport = await scene.open({ tls: server }, { ca: ca.cert, crl });
    await scene.connected();
    transport.destroy();
  });

  it('is refused where a list of revocations is asked for that does not speak of its issuer', async () => {
    const other = await Authority.make();
    const error = await failure(server, { ca: ca.cert, crl: await other.revocations() });
    expect(error.message).toMatch(/revocation status .* is unknown .*sslcrl/);
  });

  it('is refused as the user’s own check says, and the reason is told', async () => {
    const checkServerIdentity = () => new Error('this is not the server that I know');
    const error = await failure(server, { ca: ca.cert, checkServerIdentity });
    expect(error.message).toContain('this is not the server that I know');
  });

  it.each(['127.0.0.1', 'localhost'])('for %s is good there', async (host) => {
    const transport = await scene.open({ tls: server }, { ca: ca.cert }, { host, address: '127.0.0.1' });
    await scene.connected();
    transport.destroy();
  });

  it('for a name only is refused for the name’s address', async () => {
    const named = await ca.server({ hosts: ['localhost'] });
    const error = await failure(named, { ca: ca.cert }, '127.0.0.1');
    expect(error.message).toMatch(/for another host/);
  });

  it('of any kind will do where the user does not mind, whatever the host', async () => {
    const own = await selfSigned({ notBefore: LONG_AGO, notAfter: A_YEAR_LATER, hosts: [] });
    const transport = await scene.open({ tls: own }, { rejectUnauthorized: false });
    await scene.connected();
    expect(scene.events.channel).toEqual({ kind: 'tls', address: '127.0.0.1', certificate: own.der });
    transport.destroy();
  });

  it('is asked for whatever the environment says of the web', async () => {
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
      seen.push(`verified for ${host}`, ...scene.events.log, scene.inside);
      return undefined;
    };
    const transport = await scene.open({ tls: server }, { ca: ca.cert, checkServerIdentity });
    await until(() => scene.inside === 'hello');
    expect(seen).toEqual(['verified for 127.0.0.1', '']);
    transport.destroy();
  });
});

it('the server may not handshake again, when all is verified', async () => {
  const secured = (socket: TLSSocket) => socket.renegotiate({}, () => undefined);
  await scene.open({ tls: { ...server, maxVersion: 'TLSv1.2' }, secured }, { ca: ca.cert });
  expect(await scene.failure()).toBeDefined();
  expect(scene.events.log).toEqual(['connected', 'closed']);
});

describe('the name that is asked for (SNI)', () => {
  it('is the host, also where the address is another', async () => {
    const transport = await scene.open({ tls: server }, { ca: ca.cert }, { host: 'localhost', address: '127.0.0.1' });
    await scene.connected();
    await until(() => scene.servername === 'localhost');
    transport.destroy();
  });

  it.each<[what: string, host: string, options: ConnectionOptions]>([
    ['is none for an address', '127.0.0.1', {}],
    ['is none where the user wants none, and the identity is still the host', 'localhost', { servername: '' }],
  ])('%s', async (_, host, options) => {
    const transport = await scene.open({ tls: server }, { ca: ca.cert, ...options }, { host, address: '127.0.0.1' });
    await scene.connected();
    await until(() => scene.servername !== undefined);
    expect(scene.servername).toBe(false);
    transport.destroy();
  });

  it('does not decide whose certificate it has to be where it is left out', async () => {
    const error = await failure(server, { ca: ca.cert, servername: '' }, 'db.example');
    expect(error.message).toMatch(/for another host .*db\.example/);
  });
});

describe('the version', () => {
  it('is 1.2 at least', async () => {
    const tls = { ...server, minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const;
    const error = await failure(tls, { ca: ca.cert });
    expect(error.message).toMatch(/no TLS version in common .*ssl_min_protocol_version/);
  });

  it('is higher where the user says so', async () => {
    const error = await failure({ ...server, maxVersion: 'TLSv1.2' }, { ca: ca.cert, minVersion: 'TLSv1.3' });
    expect(error.message).toMatch(/no TLS version in common/);
  });
});

describe('a client certificate', () => {
  const wanted = (): Script['tls'] => ({ ...server, ca: ca.cert, requestCert: true, rejectUnauthorized: true });

  it('is shown', async () => {
    const { cert, key } = await ca.client('app');
    const transport = await scene.open({ tls: wanted() }, { ca: ca.cert, cert, key });
    await until(() => scene.client === 'CN=app');
    expect(scene.events.log).toEqual(['connected']);
    transport.destroy();
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('that is missing is no lost connection with %s', async (version) => {
    await scene.open({ tls: { ...wanted(), minVersion: version, maxVersion: version } }, { ca: ca.cert });
    expect(await scene.failure()).toMatchObject({ code: 'TLS_FAILED', retryable: false });
    expect(scene.events.cause?.message).toMatch(/sslcert and sslkey/);
    if (version === 'TLSv1.3') expect(scene.events.cause?.message).toMatch(/requires a client certificate/);
    expect(scene.inside).toBe('');
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
  ])('and the alert %i of a server that turns it down are told apart', async (alert, said) => {
    await scene.open({
      answered: (socket) => socket.once('data', () => socket.end(Buffer.from([21, 3, 3, 0, 2, 2, alert]))),
    });
    expect(await scene.failure()).toMatchObject({ code: 'TLS_FAILED', retryable: false });
    expect(scene.events.cause?.message).toMatch(said);
  });
});

it('TLS is not used on a Unix socket', async () => {
  const target = await scene.serve({});
  await scene.close();
  const settings = { options: () => ({}), optional: false, direct: false };
  connectSocket({ ...target, host: '/nowhere', tls: settings }, scene.events);
  expect(await scene.failure()).toHaveProperty('code', 'ENOENT');
});
