import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { ConnectionError, type ConnectionOptions } from '../../lib/index';
import { uniqueName } from '../support/server';
import { waitForFailure, expectNoSocketLeft, marked, waitForNoBackends, NUMBERS } from './support/life';
import { TestBed } from './support/bed';
import { LoopClock } from '../support/loop-clock';

let bed: TestBed;

beforeAll(async () => {
  bed = await TestBed.make('connecting', NUMBERS);
});

afterAll(() => bed.drop());

const connectTo = (connection: ConnectionOptions, connectTimeout = 10_000) =>
  expectNoSocketLeft(() =>
    waitForFailure(
      bed.stream('unused', { connection: { connectionString: bed.database.url, ...connection }, connectTimeout }),
    ),
  );

describe('a server that cannot be reached', () => {
  it.each<[string, ConnectionOptions, string, RegExp]>([
    [
      'no server listens on the port',
      { host: '127.0.0.1', port: 1 },
      'CONNECTION_REFUSED',
      /127\.0\.0\.1:1 .*listen_addresses/,
    ],
    ['the Unix socket does not exist', { host: '/nowhere' }, 'CONNECTION_REFUSED', /\/nowhere/],
    // There is no route to the broadcast address for TCP.
    ['the host has no route', { host: '255.255.255.255' }, 'HOST_UNREACHABLE', /255\.255\.255\.255.*route/],
    ['the host name is unknown', { host: 'something.invalid' }, 'HOST_UNKNOWN', /something\.invalid.*DNS/],
  ])('%s', async (_, connection, code, message) => {
    const error = await connectTo(connection);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ code, retryable: true });
    expect(error.cause).toHaveProperty('syscall');
    expect(error.message).toMatch(message);
  });

  it('the server accepts and never responds', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket.on('error', () => undefined))).listen(
      0,
      '127.0.0.1',
    );
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const clock = new LoopClock();
    const started = performance.now();
    const error = await waitForFailure(
      bed.stream('unused', { connection: { host: '127.0.0.1', port }, connectTimeout: 200 }),
    );
    const took = performance.now() - started;
    expect(error).toMatchObject({ code: 'CONNECT_TIMEOUT', retryable: true });
    expect(error.message).toMatch(/200 ms.*connectTimeout/s);
    expect(took).toBeGreaterThan(190);
    expect(clock.stop()).toBeLessThan(2000);
    const [socket] = sockets;
    if (!socket!.closed) await once(socket!.resume(), 'close');
    silent.close();
  });
});

describe('a server that refuses the connection', () => {
  it('declines TLS', async () => {
    const { name, connection } = marked(bed.database.url, { ssl: true });
    const error = await connectTo(connection);
    expect(error).toMatchObject({ code: 'TLS_REFUSED', retryable: false });
    expect(error.message).toMatch(/ssl/);
    await waitForNoBackends(bed.server, name);
  });

  it('does not have the database', async () => {
    const { name, connection } = marked(bed.database.url, { database: 'no_such_database' });
    const error = await connectTo(connection);
    expect(error).toMatchObject({ code: 'DATABASE_MISSING', retryable: false, sqlState: '3D000' });
    expect(error.message).toMatch(/no_such_database.*database name/s);
    await waitForNoBackends(bed.server, name);
  });

  it('does not have the role, or the role may not log in', async () => {
    const role = uniqueName('role');
    expect(await connectTo({ user: role })).toMatchObject({
      code: 'AUTHENTICATION_FAILED',
      retryable: false,
      sqlState: '28000',
    });
    await bed.sql(`CREATE ROLE ${role} REPLICATION`);
    expect(await connectTo({ user: role })).toMatchObject({ code: 'AUTHENTICATION_FAILED', sqlState: '28000' });
    await bed.sql(`DROP ROLE ${role}`);
  });

  it('has a role without REPLICATION', async () => {
    const role = uniqueName('role');
    await bed.sql(`CREATE ROLE ${role} LOGIN`);
    const { name, connection } = marked(bed.database.url, { user: role });
    const error = await connectTo(connection);
    expect(error).toMatchObject({ code: 'PRIVILEGE_MISSING', retryable: false, sqlState: '42501' });
    expect(error.message).toContain('REPLICATION');
    await waitForNoBackends(bed.server, name);
    await bed.sql(`DROP ROLE ${role}`);
  });
});
