import type { Socket } from 'node:net';
import { createSecureContext, TLSSocket, type ConnectionOptions } from 'node:tls';
import { toConnectError } from '../../lib/net/socket-errors';
import { connectSocket, type Transport } from '../../lib/net/transport';
import { encodeSslRequest } from '../../lib/wire/frontend';
import { selfSigned, type Credentials } from '../support/certificates';
import { Events, handles, LocalServer, sleep, until } from './support/local-server';

let own: Credentials;
let server: LocalServer;
let events: Events;
let before: number;

beforeAll(async () => {
  own = await selfSigned();
});

beforeEach(() => {
  before = handles().length;
  events = new Events();
});

afterEach(async () => {
  await server.close();
  await until(() => handles().length <= before);
});

/** Connects to a server that responds to SSLRequest in this way. */
async function open(
  answer: string | Buffer,
  tls: ConnectionOptions = { ca: own.cert },
  then: (socket: Socket) => void = () => undefined,
): Promise<Transport> {
  server = new LocalServer((socket) => {
    socket.once('data', (request: Buffer) => {
      expect(request).toEqual(encodeSslRequest());
      socket.write(answer);
      then(socket);
    });
  });
  return connectSocket(
    { ...(await server.listen()), tls: { options: () => tls, optional: false, direct: false } },
    events,
  );
}

function secured(socket: Socket, then: (secure: TLSSocket) => void): void {
  const secureContext = createSecureContext(own);
  const secure = new TLSSocket(socket, { isServer: true, secureContext });
  secure.on('error', () => undefined);
  secure.once('secure', () => then(secure));
}

const closed = () => events.until(() => events.log.includes('closed'));

describe('TLS', () => {
  it('is requested first; data may be written after the handshake', async () => {
    let received = '';
    const transport = await open('S', { ca: own.cert }, (socket) =>
      secured(socket, (secure) => {
        secure.on('data', (chunk: Buffer) => {
          received += chunk.toString();
          secure.end(`you said ${received}`);
        });
      }),
    );
    events.on = (event) => {
      if (event === 'connected') transport.write(Buffer.from('hello'));
    };
    await closed();
    expect(events.log).toEqual(['connected', 'data', 'closed']);
    expect(events.received.toString()).toBe('you said hello');
    expect(events.cause).toBeUndefined();
  });

  it('delivers all data received before the end', async () => {
    const size = 4 * 1024 * 1024;
    await open('S', { ca: own.cert }, (socket) => secured(socket, (secure) => secure.end(Buffer.alloc(size))));
    await closed();
    expect(events.received).toHaveLength(size);
  });

  it('can be paused', async () => {
    const size = 4 * 1024 * 1024;
    const transport = await open('S', { ca: own.cert }, (socket) =>
      secured(socket, (secure) => setTimeout(() => secure.write(Buffer.alloc(size)), 20)),
    );
    events.on = (event) => {
      if (event === 'connected') transport.pause();
    };
    await events.until(() => events.log.includes('connected'));
    await sleep(60);
    expect(events.received.length).toBeLessThan(size);
    transport.resume();
    await events.until(() => events.received.length === size);
    transport.end(1000);
  });

  it('that is reset is closed with the cause', async () => {
    await open('S', { ca: own.cert }, (socket) =>
      secured(socket, () => {
        void events.until(() => events.log.includes('connected')).then(() => socket.resetAndDestroy());
      }),
    );
    await closed();
    expect(events.log).toEqual(['connected', 'closed']);
    expect(events.cause).toHaveProperty('code', 'ECONNRESET');
  });

  it('with a server that does not use TLS is an error', async () => {
    await open('S', { ca: own.cert }, (socket) => socket.once('data', () => socket.end('garbage, not a handshake')));
    await closed();
    expect(events.cause).toMatchObject({ code: 'TLS_FAILED' });
  });

  it('with a server that closes the connection instead of responding is closed', async () => {
    await open('', { ca: own.cert }, (socket) => socket.end());
    await closed();
    expect(events.log).toEqual(['closed']);
  });

  it.each<[what: string, cut: (socket: Socket) => void]>([
    ['closes the connection', (socket) => socket.destroy()],
    ['resets the connection', (socket) => socket.resetAndDestroy()],
    ['half-closes the connection', (socket) => socket.end()],
  ])('with a server that %s during the handshake is a retryable error', async (_, cut) => {
    for (const ms of [0, 5]) {
      events = new Events();
      await open('S', { ca: own.cert }, (socket) => setTimeout(() => cut(socket), ms));
      await closed();
      expect(events.log).toEqual(['closed']);
      const target = { host: 'db.example', port: 5432, tls: undefined, keepAlive: undefined };
      expect(toConnectError(target, events.cause)).toMatchObject({ code: 'CONNECTION_LOST', retryable: true });
      await server.close();
    }
  });

  it('can be destroyed at any point, without an event', async () => {
    for (const ms of [0, 1, 3, 10]) {
      const transport = await open('S', { ca: own.cert }, (socket) =>
        setTimeout(() => secured(socket, () => undefined), 2),
      );
      events.on = (event) => {
        if (event === 'connected') events.log.length = 0;
      };
      await sleep(ms);
      transport.destroy();
      await sleep(20);
      expect(events.log).toEqual([]);
      await server.close();
    }
  });

  it('leaves nothing after end()', async () => {
    let ended = false;
    const transport = await open('S', { ca: own.cert }, (socket) =>
      secured(socket, (secure) => {
        secure.on('data', () => undefined);
        secure.on('end', () => (ended = true));
      }),
    );
    await events.until(() => events.log.includes('connected'));
    transport.write(Buffer.from('bye'));
    transport.end(60_000);
    await until(() => ended && handles().filter((name) => name === 'Timeout').length <= 2);
    expect(events.log).toEqual(['connected']);
  });

  it('leaves no timer after end() if the connection is already closed', async () => {
    const transport = await open('S', { ca: own.cert }, (socket) => secured(socket, (secure) => secure.end('bye')));
    events.on = (event) => {
      if (event === 'closed') transport.end(60_000);
    };
    await closed();
  });
});
