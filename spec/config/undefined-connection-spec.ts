import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { firstValueFrom } from 'rxjs';
import { ConnectionError, logicalReplication, slotStatus, type ConnectionOptions } from '../../lib/index';
import { FakeWalSender } from '../../lib/testing/index';

const environment = { ...process.env };
let port: number;

beforeAll(async () => {
  // A port that was in use and is free now.
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  port = (server.address() as AddressInfo).port;
  await new Promise((resolve) => server.close(resolve));
});

beforeEach(() => {
  const others = Object.entries(environment).filter(([name]) => !name.startsWith('PG'));
  process.env = { ...Object.fromEntries(others), PGPORT: String(port), PGUSER: 'me' };
});

afterEach(() => {
  process.env = { ...environment };
});

async function failureWith(connection: string | ConnectionOptions | undefined): Promise<Error> {
  try {
    await firstValueFrom(logicalReplication({ connection, slot: 'orders', publications: ['orders_pub'] }));
  } catch (error) {
    return error as Error;
  }
  throw new Error('It has connected');
}

const missing = process.env['NOT_SET_ANYWHERE'];

describe('a connection that fails', () => {
  it.each<[what: string, connection: unknown, named: string]>([
    ['undefined', missing, 'connection was undefined or empty'],
    ['null', null, 'connection was undefined or empty'],
    ['an object without anything in it', {}, 'connection was undefined or empty'],
    ['an undefined connectionString', { connectionString: missing }, 'connection.connectionString was undefined'],
    ['an undefined host', { host: missing, user: 'me' }, 'connection.host was undefined or empty'],
    ['an empty host', { host: '', database: 'shop' }, 'connection.host was undefined or empty'],
    [
      'a host and a database that are null',
      { host: null, database: null, user: 'me' },
      'connection.host, connection.database were',
    ],
    [
      'a template with an undefined host',
      `postgres://me@${String(missing)}:1/shop`,
      'The host is the text "undefined"',
    ],
    [
      'a template with an undefined user',
      `postgres://${String(missing)}@localhost/shop`,
      'The user is the text "undefined"',
    ],
    ['a template with a null database', `postgres://me@localhost/${String(null)}`, 'The database is the text "null"'],
  ])('reports that the option was %s', async (_, connection, named) => {
    const error = await failureWith(connection as ConnectionOptions);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toContain(named);
    expect(error.message).toContain('check for a missing environment variable');
    expect(error.message).toMatch(/missing environment variable\. Check [^?]*\.$/);
  });

  it('does not do so if the option was given', async () => {
    for (const connection of [
      `postgres://me@localhost:${port}/shop`,
      { host: 'localhost', port, password: undefined },
    ]) {
      expect((await failureWith(connection)).message).not.toMatch(/undefined|missing/);
    }
  });

  it('does so for management commands, too', async () => {
    const status = firstValueFrom(slotStatus({ connection: missing, slot: 'orders' }));
    await expect(status).rejects.toThrow(/Cannot connect to localhost:\d+ .*connection was undefined/);
  });

  it('does so if a server refuses the defaults, but not after the connection is established', async () => {
    const server = await FakeWalSender.listen({ slots: [], publications: ['orders_pub'], password: 'secret' });
    process.env['PGPORT'] = new URL(server.url).port;
    expect((await failureWith(missing)).message).toMatch(/password.*connection was undefined/s);
    process.env['PGPASSWORD'] = 'secret';
    const error = await failureWith(missing);
    expect(error).toMatchObject({ code: 'SLOT_MISSING' });
    expect(error.message).not.toMatch(/undefined/);
    await server.close();
  });
});
