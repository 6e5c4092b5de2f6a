import { connect as connectSocket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { firstValueFrom } from 'rxjs';
import { logicalReplication, transactions } from '../../lib';
import { FakeWalSender, table, transaction, type FakeTls, type Step } from '../../lib/testing';
import { encodeSslRequest, encodeStartupMessage } from '../../lib/wire/frontend';
import { Authority, type Credentials } from '../support/certificates';
import { until } from '../net/support/local-server';

const orders = table('orders', { id: 'int4' });
const STARTUP = encodeStartupMessage({ user: 'app', database: 'postgres', replication: 'database' });

let ca: Authority;
let own: Credentials;
let server: FakeWalSender;

beforeAll(async () => {
  ca = await Authority.make();
  own = await ca.server();
});

afterEach(() => server.close());

async function listen(tls?: Partial<FakeTls>, rest: Parameters<typeof FakeWalSender.listen>[0] = {}): Promise<void> {
  server = await FakeWalSender.listen({
    slots: ['orders'],
    publications: ['orders_pub'],
    ...(tls && { tls: { cert: own.cert, key: own.key, ...tls } }),
    ...rest,
  });
}

/** The response to these bytes, up to this number of bytes or the end of the connection. */
async function answerTo(bytes: Buffer, length: number, direct?: ConnectionOptions): Promise<string> {
  const where = { host: server.host, port: server.port };
  const socket = direct ? connectTls({ ...where, ca: ca.cert, ...direct }) : connectSocket(where);
  let received = '';
  let closed = false;
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
  socket.on('error', () => undefined).on('close', () => (closed = true));
  socket.write(bytes);
  await until(() => received.length >= length || closed);
  socket.destroy();
  return received;
}

function read(ssl: ConnectionOptions | undefined, parameters = '') {
  return logicalReplication({
    connection: { connectionString: `${server.url}${parameters}`, ...(ssl && { ssl }) },
    slot: 'orders',
    publications: ['orders_pub'],
  }).pipe(transactions());
}

describe('the fake walsender with TLS', () => {
  it.each(['scram-sha-256', 'md5', 'password'] as const)(
    'streams to a client that requests TLS, with %s',
    async (method) => {
      await listen({}, { password: 'secret', authentication: method });
      const first = firstValueFrom(read({ ca: ca.cert }));
      await server.whenStreaming();
      expect(server.last.secure).toBe(true);
      server.commit(transaction([orders.insert({ id: 1 })]));
      expect(await first).toMatchObject({ kind: 'transaction', size: 1 });
      await server.whenIdle();
      server.verify();
    },
  );

  it('streams to a client without TLS', async () => {
    await listen({});
    const subscription = read(undefined, '?sslmode=disable').subscribe();
    await server.whenStreaming();
    expect(server.last.secure).toBe(false);
    subscription.unsubscribe();
    await server.whenIdle();
  });

  it.each([
    [170000, 'R'],
    [160000, ''],
  ])('of version %i accepts a handshake without SSLRequest as a real server does', async (serverVersion, answer) => {
    await listen({}, { serverVersion });
    expect(await answerTo(STARTUP, 1, { ALPNProtocols: ['postgresql'] })).toMatch(new RegExp(`^${answer}`));
    expect(server.last.secure).toBe(answer !== '');
  });

  it('requires a client certificate if configured, from a known authority', async () => {
    await listen({ ca: ca.cert, requestCert: true });
    const stranger = await (await Authority.make()).client('app');
    for (const client of [undefined, stranger]) {
      const said = await answerTo(STARTUP, 100, { ...client, ALPNProtocols: ['postgresql'] });
      expect(said).toContain('C28000\0Mconnection requires a valid client certificate');
    }
    const subscription = read({ ...(await ca.client('app')), ca: ca.cert }).subscribe();
    await server.whenStreaming();
    subscription.unsubscribe();
    await server.whenIdle();
  });

  it.each<[what: string, fault: Step]>([
    ['cut', { cut: 30 }],
    ['reset', { reset: 30 }],
    ['halfClose', { halfClose: true }],
  ])('injects faults over TLS, too: %s', async (_, fault) => {
    await listen({});
    const failed = firstValueFrom(read({ ca: ca.cert })).catch((error: unknown) => error);
    await server.whenStreaming();
    await server.play(fault, { commit: transaction([orders.insert({ id: 1 })]) });
    expect(await failed).toMatchObject({ code: 'CONNECTION_LOST' });
    await server.whenIdle();
  });

  it('closes connections during a handshake', async () => {
    await listen({});
    expect(await answerTo(encodeSslRequest(), 1)).toBe('S');
    await server.whenIdle();
  });

  it('accepts an SSLRequest in several segments', async () => {
    await listen({});
    const socket = connectSocket({ host: server.host, port: server.port, noDelay: true });
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    for (const byte of encodeSslRequest()) {
      socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => received === 'S');
    socket.destroy();
  });
});

describe('the fake walsender without TLS', () => {
  it('declines, and continues in clear text', async () => {
    await listen();
    expect(await answerTo(Buffer.concat([encodeSslRequest(), STARTUP]), 10)).toMatch(/^NR/);
  });

  it('responds as configured', async () => {
    await listen({});
    server.behaviour.answersSslRequest = Buffer.from('Ehello');
    expect(await answerTo(encodeSslRequest(), 6)).toBe('Ehello');
    expect(server.last.startup).toBeUndefined();
  });
});
