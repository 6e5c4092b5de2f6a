import { once } from 'node:events';
import { connect as connectTcp, createServer, type AddressInfo, type Server } from 'node:net';
import type { Socket } from 'node:net';
import { connectSocket } from '../../lib/net/transport';
import { Authority, type Credentials } from '../support/certificates';
import { Events } from './support/local-server';
import { TlsFixture } from './support/tls-server';

/** A record that cannot be decrypted. */
const RECORD = Buffer.from([0x17, 3, 3, 0, 20, ...Buffer.alloc(20, 1)]);

let ca: Authority;
let identity: Credentials;
let fixture: TlsFixture;
let relay: Server;
let sockets: Socket[];

beforeAll(async () => {
  ca = await Authority.make();
  identity = await ca.server();
});

beforeEach(() => {
  fixture = new TlsFixture();
  sockets = [];
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  relay.close();
  await fixture.close();
});

/** A man in the middle, who can add a record to the server's data: immediately, or on demand. */
async function between(
  port: number,
  isPoisoned: (chunk: number) => boolean,
): Promise<{ port: number; poison: () => void }> {
  relay = createServer((client) => {
    const server = connectTcp(port, '127.0.0.1');
    sockets.push(client, server);
    let chunks = 0;
    for (const socket of [client, server]) socket.on('error', () => undefined);
    client.pipe(server);
    server.on('data', (chunk: Buffer) => client.write(isPoisoned(++chunks) ? Buffer.concat([chunk, RECORD]) : chunk));
    client.on('close', () => server.destroy());
  }).listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const { port: here } = relay.address() as AddressInfo;
  return { port: here, poison: () => void sockets[0]?.write(RECORD) };
}

it("a record that cannot be decrypted ends the connection, although Node's TLS does not report it", async () => {
  const target = await fixture.serve({ tls: identity });
  const { port, poison } = await between(target.port, () => false);
  const events = new Events();
  const tls = { options: () => ({ ca: ca.cert }), optional: false, direct: false };
  connectSocket({ ...target, port, tls }, events);
  await events.until(() => events.log.includes('connected'));
  poison();
  await events.until(() => events.log.includes('closed'));
  expect(events.cause).toBeDefined();
});

it.each([1, 2, 3])(
  'a record after the server’s part %i of a handshake without ALPN causes no unhandled error',
  async (part) => {
    const target = await fixture.serve({ answer: undefined, tls: identity });
    const { port } = await between(target.port, (chunk) => chunk === part);
    const events = new Events();
    const tls = { options: () => ({ ca: ca.cert }), optional: false, direct: true };
    connectSocket({ ...target, port, tls }, events);
    await events.until(() => events.log.includes('closed'));
    expect(events.log).toEqual(['closed']);
    expect(events.cause).toMatchObject({ code: 'TLS_FAILED' });
  },
);
