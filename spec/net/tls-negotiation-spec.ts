import { ConnectionError, ProtocolError } from '../../lib/common/errors';
import { Authority, selfSigned, type Credentials, type KeyKind } from '../support/certificates';
import { until } from './support/local-server';
import { TlsFixture } from './support/tls-server';

let ca: Authority;
let server: Credentials;
let fixture: TlsFixture;

beforeAll(async () => {
  ca = await Authority.make();
  server = await ca.server();
});

beforeEach(() => (fixture = new TlsFixture()));

afterEach(() => fixture.close());

/** The events of a client that writes as soon as it may. */
async function heard(expected: string): Promise<void> {
  await until(() => fixture.inside === expected);
}

describe('the response to SSLRequest', () => {
  it('S starts TLS, and the certificate is passed on', async () => {
    const transport = await fixture.open({ tls: server }, { ca: ca.cert });
    await fixture.connected();
    expect(fixture.events.channel).toEqual({ kind: 'tls', address: '127.0.0.1', certificate: server.der });
    await heard('hello');
    transport.destroy();
  });

  it.each<KeyKind>(['p384', 'rsa', 'rsa-sha512', 'rsa-pss', 'ed25519'])(
    'S also with a certificate of %s',
    async (kind) => {
      const own = await selfSigned({ kind });
      const transport = await fixture.open({ tls: own }, { ca: own.cert });
      await fixture.connected();
      expect(fixture.events.channel?.certificate?.equals(own.der)).toBe(true);
      transport.destroy();
    },
  );

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'S passes on the server’s own certificate, not its issuer’s, with %s',
    async (version) => {
      const middle = await Authority.make({}, ca);
      const own = await middle.server();
      const tls = { key: own.key, cert: own.cert + middle.cert, minVersion: version, maxVersion: version };
      const transport = await fixture.open({ tls }, { ca: ca.cert });
      await fixture.connected();
      expect(fixture.events.channel).toEqual({ kind: 'tls', address: '127.0.0.1', certificate: own.der });
      transport.destroy();
    },
  );

  it('N ends the connection, and nothing else is sent', async () => {
    await fixture.open({ answer: 'N' });
    const cause = await fixture.failure();
    expect(fixture.events.log).toEqual(['closed']);
    expect(cause).toBeInstanceOf(ConnectionError);
    expect(cause).toMatchObject({ code: 'TLS_REFUSED', retryable: false });
    expect(fixture.clear).toHaveLength(0);
  });

  it('N continues in clear text if TLS is optional', async () => {
    const transport = await fixture.open({ answer: 'N' }, {}, { optional: true });
    await fixture.connected();
    expect(fixture.events.channel).toEqual({ kind: 'clear', address: '127.0.0.1' });
    await until(() => fixture.clear.toString() === 'hello');
    transport.destroy();
  });

  it('N continues with a connection that is read, paused, and closed as any other', async () => {
    const transport = await fixture.open(
      { answer: 'N', answered: (socket) => socket.once('data', () => socket.end('welcome')) },
      {},
      { optional: true },
    );
    expect(await fixture.failure()).toBeUndefined();
    expect(fixture.events.log).toEqual(['connected', 'data', 'closed']);
    expect(fixture.events.received.toString()).toBe('welcome');
    transport.destroy();
  });

  it('S does not fall back to clear text if TLS is optional', async () => {
    await fixture.open({ tls: await selfSigned() }, {}, { optional: true });
    expect(await fixture.failure()).toMatchObject({ code: 'TLS_FAILED' });
    expect(fixture.events.log).toEqual(['closed']);
    expect(fixture.inside).toBe('');
  });

  describe.each([false, true])('with optional TLS %s', (optional) => {
    it.each([
      ['bytes after the S', 'S\x16\x03\x03', /4 bytes/],
      ['bytes after the N', 'NR', /2 bytes/],
      ['an unknown byte', 'X', /byte 88; expected S or N/],
      ['HTTP', 'HTTP/1.1 400 Bad Request', /24 bytes/],
    ])('with %s is a ProtocolError', async (_, answer, said) => {
      await fixture.open({ answer: Buffer.from(answer, 'latin1') }, {}, { optional });
      const cause = await fixture.failure();
      expect(fixture.events.log).toEqual(['closed']);
      expect(cause).toBeInstanceOf(ProtocolError);
      expect(cause?.message).toMatch(said);
      expect(fixture.clear).toHaveLength(0);
    });

    it.each([
      ['a whole ErrorResponse', 'E\0\0\0\x28SFATAL\0C53300\0Mbuy at evil.example\0\0'],
      ['the start of an ErrorResponse', 'E'],
    ])('does not show an unauthenticated error, %s', async (_, answer) => {
      await fixture.open({ answer: Buffer.from(answer, 'latin1') }, {}, { optional });
      const cause = await fixture.failure();
      // The server may temporarily be unable to start a process.
      expect(cause).toMatchObject({ code: 'CONNECTION_LOST', retryable: true });
      expect(cause?.message).toMatch(/responded to SSLRequest with an error/);
      expect(cause?.message).not.toContain('evil');
      expect(cause?.cause).toBeUndefined();
      expect(fixture.clear).toHaveLength(0);
    });
  });

  it('S followed by clear text fails the handshake: the text is never used', async () => {
    const stuffed = Buffer.from('R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I', 'latin1');
    for (const ms of [0, 1, 5]) {
      fixture = new TlsFixture();
      const answered = (socket: { write(bytes: Buffer): void }) => setTimeout(() => socket.write(stuffed), ms);
      await fixture.open({ answered }, { ca: ca.cert });
      // If both are received at once, it is an invalid response, otherwise a failed handshake.
      expect(await fixture.failure()).toBeInstanceOf(Error);
      expect(['TLS_FAILED', 'PROTOCOL_VIOLATION']).toContain((fixture.events.cause as ConnectionError).code);
      expect(fixture.events.log).toEqual(['closed']);
      expect(fixture.clear.includes('hello')).toBe(false);
      await fixture.close();
    }
  });
});

describe('direct TLS', () => {
  const direct = { direct: true };

  it('starts without SSLRequest, and sends the ALPN protocol', async () => {
    const tls = { ...server, ALPNProtocols: ['postgresql'] };
    const transport = await fixture.open({ answer: undefined, tls }, { ca: ca.cert }, direct);
    await fixture.connected();
    expect(fixture.events.channel).toEqual({ kind: 'tls', address: '127.0.0.1', certificate: server.der });
    await heard('hello');
    transport.destroy();
  });

  it('is rejected without ALPN', async () => {
    await fixture.open({ answer: undefined, tls: server }, { ca: ca.cert }, direct);
    const cause = await fixture.failure();
    expect(fixture.events.log).toEqual(['closed']);
    expect(cause).toMatchObject({ code: 'TLS_FAILED', retryable: false });
    expect(cause?.message).toMatch(/does not support the protocol postgresql/);
    expect(fixture.inside).toBe('');
  });

  it('has a remedy if the server closes the connection, as servers before 17 do', async () => {
    await fixture.open(
      { answer: undefined, answered: (socket) => socket.once('data', () => socket.destroy()) },
      {},
      direct,
    );
    expect(await fixture.failure()).toMatchObject({ code: 'CONNECTION_LOST', retryable: true });
    expect(fixture.events.cause?.message).toMatch(/sslnegotiation=direct if the server is older than PostgreSQL 17/);
  });
});

describe('ALPN', () => {
  const http = { ALPNProtocols: ['h2', 'http/1.1'] };

  it.each([false, true])('is rejected by a web server, direct %s', async (direct) => {
    const answer = direct ? undefined : 'S';
    await fixture.open({ answer, tls: { ...server, ...http } }, { ca: ca.cert }, { direct });
    expect(await fixture.failure()).toMatchObject({ code: 'TLS_FAILED' });
    expect(fixture.events.cause?.message).toMatch(/does not support the protocol postgresql/);
  });

  it('is also offered after SSLRequest, and is not required there', async () => {
    let chosen: string | false | null = null;
    const tls = { ...server, ALPNProtocols: ['postgresql'] };
    const transport = await fixture.open(
      { tls, secured: (socket) => (chosen = socket.alpnProtocol) },
      // The user cannot choose the protocol.
      { ca: ca.cert, ALPNProtocols: ['h2'] },
    );
    await fixture.connected();
    await until(() => chosen === 'postgresql');
    transport.destroy();
  });
});
