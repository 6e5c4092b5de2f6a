import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import net, { type Socket } from 'node:net';
import { toConnectError } from '../../lib/net/socket-errors';
import type { Target } from '../../lib/net/target';
import { connectSocket } from '../../lib/net/transport';
import { Events, handles, LocalServer, sleep, until } from './support/local-server';
import { LoopClock } from '../support/loop-clock';

let server: LocalServer;
let events: Events;
let before: number;

beforeEach(() => {
  before = handles().length;
  events = new Events();
});

afterEach(() => server.close());

async function serving(serve?: (socket: Socket) => void): Promise<Target> {
  server = new LocalServer(serve);
  return server.listen();
}

/** Verifies that the transport has left nothing in the event loop. */
async function expectNothingLeft(): Promise<void> {
  await server.close();
  await until(() => handles().length <= before);
}

describe('a connection', () => {
  it('reports nothing before connect has returned, then connected, data and closed', async () => {
    const target = await serving((socket) => socket.end('hello'));
    connectSocket(target, events);
    expect(events.log).toEqual([]);
    await events.until(() => events.log.includes('closed'));
    expect(events.log).toEqual(['connected', 'data', 'closed']);
    expect(events.received.toString()).toBe('hello');
    expect(events.cause).toBeUndefined();
    await expectNothingLeft();
  });

  it('writes', async () => {
    const transport = connectSocket(await serving(), events);
    await events.until(() => events.log.includes('connected'));
    transport.write(Buffer.from('hel'));
    transport.write(Buffer.from('lo'));
    const socket = await server.socket();
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    await until(() => received === 'hello');
    transport.destroy();
    await expectNothingLeft();
  });

  it('uses a Unix socket if the host is a folder', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rxpg-'));
    server = new LocalServer((socket) => socket.end('hello'));
    await server.listen({ path: join(folder, '.s.PGSQL.5433') }).catch(() => undefined);
    connectSocket({ host: folder, port: 5433, tls: undefined, keepAlive: undefined }, events);
    await events.until(() => events.log.includes('closed'));
    expect(events.log).toEqual(['connected', 'data', 'closed']);
    await server.close();
    rmSync(folder, { recursive: true });
  });

  it('that is refused is closed with the cause', async () => {
    const target = await serving();
    await server.close();
    connectSocket(target, events);
    await events.until(() => events.log.includes('closed'));
    expect(events.log).toEqual(['closed']);
    expect(events.cause).toHaveProperty('code', 'ECONNREFUSED');
    await expectNothingLeft();
  });

  it('to a folder without a socket is closed with the cause', async () => {
    await serving();
    connectSocket({ host: '/nowhere/at/all', port: 5432, tls: undefined, keepAlive: undefined }, events);
    await events.until(() => events.log.includes('closed'));
    expect(events.cause).toHaveProperty('code', 'ENOENT');
    await expectNothingLeft();
  });

  it('that is reset is closed with the cause', async () => {
    connectSocket(await serving(), events);
    const socket = await server.socket();
    await events.until(() => events.log.includes('connected'));
    socket.resetAndDestroy();
    await events.until(() => events.log.includes('closed'));
    expect(events.cause).toHaveProperty('code', 'ECONNRESET');
    await expectNothingLeft();
  });
});

describe('the channel security', () => {
  it('is local on a Unix socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rxpg-'));
    server = new LocalServer();
    await server.listen({ path: join(folder, '.s.PGSQL.5433') }).catch(() => undefined);
    const transport = connectSocket({ host: folder, port: 5433, tls: undefined, keepAlive: undefined }, events);
    await events.until(() => events.log.includes('connected'));
    expect(events.channel).toEqual({ kind: 'local' });
    transport.destroy();
    await expectNothingLeft();
    rmSync(folder, { recursive: true });
  });

  it('is none on TCP without TLS', async () => {
    const transport = connectSocket(await serving(), events);
    await events.until(() => events.log.includes('connected'));
    expect(events.channel).toEqual({ kind: 'clear', address: '127.0.0.1' });
    transport.destroy();
    await expectNothingLeft();
  });
});

describe('an address', () => {
  it('is connected to, whatever the host name', async () => {
    const { port } = await serving((socket) => socket.end('hello'));
    const target = { port, address: '127.0.0.1', tls: undefined, keepAlive: undefined };
    for (const host of ['no.such.host.invalid', '/nowhere']) {
      events = new Events();
      connectSocket({ ...target, host }, events);
      await events.until(() => events.log.includes('closed'));
      expect(events.received.toString()).toBe('hello');
      expect(events.channel).toEqual({ kind: 'clear', address: '127.0.0.1' });
    }
    await expectNothingLeft();
  });

  it('is in the error if nothing listens', async () => {
    const target = await serving();
    await server.close();
    const there = { ...target, host: 'db.example', address: '127.0.0.1' };
    connectSocket(there, events);
    await events.until(() => events.log.includes('closed'));
    expect(toConnectError(there, events.cause).message).toContain(`db.example:${String(target.port)} (127.0.0.1)`);
    await expectNothingLeft();
  });
});

describe('keepAlive', () => {
  it.each<[ms: number | undefined, what: object]>([
    [undefined, { keepAlive: false }],
    // 0 keeps the system's default.
    [0, { keepAlive: true, keepAliveInitialDelay: 0 }],
    [30_000, { keepAlive: true, keepAliveInitialDelay: 30_000 }],
    // The system counts in seconds, and Node would round less than one to 0.
    [1, { keepAlive: true, keepAliveInitialDelay: 1000 }],
    [1001, { keepAlive: true, keepAliveInitialDelay: 2000 }],
  ])('of %s ms is passed to the operating system', async (keepAlive, what) => {
    const asked = jest.spyOn(net, 'connect');
    const transport = connectSocket({ ...(await serving()), keepAlive }, events);
    expect(asked).toHaveBeenCalledWith(expect.objectContaining(what));
    asked.mockRestore();
    await events.until(() => events.log.includes('connected'));
    transport.destroy();
    await expectNothingLeft();
  });
});

describe('pause', () => {
  it('stops reading from the network, and resume continues', async () => {
    const transport = connectSocket(await serving(), events);
    const socket = await server.socket();
    await events.until(() => events.log.includes('connected'));
    transport.pause();
    transport.pause();
    socket.write(Buffer.alloc(8 * 1024 * 1024, 'x'));
    await sleep(50);
    const taken = events.received.length;
    await sleep(50);
    expect(events.received).toHaveLength(taken);
    expect(taken).toBeLessThan(1024 * 1024);
    expect(socket.writableLength).toBeGreaterThan(0);

    transport.resume();
    await events.until(() => events.received.length === 8 * 1024 * 1024);
    transport.destroy();
    await expectNothingLeft();
  });

  it('may be called within data, which is then delivered later', async () => {
    const transport = connectSocket(await serving(), events);
    const socket = await server.socket();
    events.on = (event) => {
      if (event === 'data') transport.pause();
    };
    await events.until(() => events.log.includes('connected'));
    socket.write('one');
    await events.until(() => events.received.length > 0);
    socket.write('two');
    await sleep(30);
    expect(events.received.toString()).toBe('one');
    transport.resume();
    await events.until(() => events.received.toString() === 'onetwo');
    transport.destroy();
    await expectNothingLeft();
  });

  it('does not affect writing', async () => {
    const transport = connectSocket(await serving(), events);
    const socket = await server.socket();
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    await events.until(() => events.log.includes('connected'));
    transport.pause();
    transport.write(Buffer.from('status'));
    await until(() => received === 'status');
    transport.destroy();
    await expectNothingLeft();
  });
});

describe('end', () => {
  it('sends what was written, and closes without an event', async () => {
    const transport = connectSocket(await serving(), events);
    const socket = await server.socket();
    let received = 0;
    socket.on('data', (chunk: Buffer) => (received += chunk.length));
    const ended = once(socket, 'end');
    await events.until(() => events.log.includes('connected'));
    transport.write(Buffer.alloc(4 * 1024 * 1024));
    transport.end(5000);
    await ended;
    expect(received).toBe(4 * 1024 * 1024);
    await expectNothingLeft();
    expect(events.log).toEqual(['connected']);
  });

  it('closes the connection after this number of ms if the peer does not read', async () => {
    const transport = connectSocket(await serving((socket) => socket.pause()), events);
    const socket = await server.socket();
    await events.until(() => events.log.includes('connected'));
    transport.write(Buffer.alloc(32 * 1024 * 1024));
    transport.end(50);
    await sleep(20);
    expect(handles().length).toBeGreaterThan(before);
    socket.on('error', () => undefined);
    await expectNothingLeft();
    expect(events.log).toEqual(['connected']);
  });

  it('works while paused, with unread data of the peer', async () => {
    const transport = connectSocket(await serving((socket) => socket.write(Buffer.alloc(4 * 1024 * 1024))), events);
    await events.until(() => events.log.includes('connected'));
    transport.pause();
    transport.end(5000);
    const clock = new LoopClock();
    await expectNothingLeft();
    expect(clock.stop()).toBeLessThan(2000);
    expect(events.log).not.toContain('closed');
  });

  it('completes soon, however much the peer still sends', async () => {
    const transport = connectSocket(await serving((socket) => socket.end(Buffer.alloc(8 * 1024 * 1024))), events);
    const socket = await server.socket();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await events.until(() => events.log.includes('data'));
    transport.end(60_000);
    const clock = new LoopClock();
    await closed;
    expect(clock.stop()).toBeLessThan(2000);
    await expectNothingLeft();
  });

  it('leaves no timer if the connection is already closed', async () => {
    const target = await serving((socket) => socket.end());
    const transport = connectSocket(target, events);
    events.on = (event) => {
      if (event === 'closed') transport.end(60_000);
    };
    await events.until(() => events.log.includes('closed'));
    await sleep(10);
    await expectNothingLeft();
  });
});

describe('destroy', () => {
  it('closes immediately, without an event', async () => {
    const transport = connectSocket(await serving((socket) => socket.write('hello')), events);
    const socket = await server.socket();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    transport.destroy();
    await closed;
    await expectNothingLeft();
    expect(events.log).toEqual([]);
  });

  it('may be called before the connection is established, and twice', async () => {
    const transport = connectSocket(await serving(), events);
    transport.destroy();
    transport.destroy();
    transport.end(60_000);
    transport.write(Buffer.from('late'));
    transport.pause();
    await sleep(20);
    expect(events.log).toEqual([]);
    await expectNothingLeft();
  });

  it('delivers nothing more, not even the current chunk', async () => {
    const transport = connectSocket(await serving((socket) => socket.write(Buffer.alloc(1024 * 1024))), events);
    events.on = (event) => {
      if (event === 'data') transport.destroy();
    };
    await events.until(() => events.log.includes('data'));
    const { length } = events.received;
    await sleep(20);
    expect(events.received).toHaveLength(length);
    expect(events.log).toEqual(['connected', 'data']);
    await expectNothingLeft();
  });

  it('ignores later errors', async () => {
    const transport = connectSocket(await serving(), events);
    const socket = await server.socket();
    await events.until(() => events.log.includes('connected'));
    socket.resetAndDestroy();
    transport.write(Buffer.from('into the void'));
    transport.write(Buffer.from('into the void'));
    transport.end(1000);
    await sleep(50);
    transport.destroy();
    transport.write(Buffer.from('too late'));
    expect(events.log).toEqual(['connected']);
    await expectNothingLeft();
  });
});

describe('the clock', () => {
  it('calls back after a timeout, unless it is cancelled', async () => {
    const transport = connectSocket(await serving(), events);
    const heard: string[] = [];
    const cancel = transport.timeout(1, () => heard.push('cancelled'));
    transport.timeout(5, () => heard.push('timeout'));
    transport.defer(() => heard.push('deferred'));
    cancel();
    expect(heard).toEqual([]);
    await until(() => heard.length === 2);
    // On a busy machine, the timeout may expire before the next turn of the event loop.
    expect([...heard].sort()).toEqual(['deferred', 'timeout']);
    transport.destroy();
    await expectNothingLeft();
  });

  it('advances, and never goes back', async () => {
    const transport = connectSocket(await serving(), events);
    const started = transport.elapsed();
    await sleep(10);
    expect(transport.elapsed() - started).toBeGreaterThan(5);
    transport.destroy();
    await expectNothingLeft();
  });
});
