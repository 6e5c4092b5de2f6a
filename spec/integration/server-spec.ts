import { existsSync } from 'node:fs';
import { Client } from 'pg';
import { runServer, startServer, uniqueName, type PostgresServer, type TestDatabase } from '../support/server';

describe('the server that specs share', () => {
  let server: PostgresServer;
  let database: TestDatabase;

  beforeAll(async () => {
    server = await runServer();
    database = await server.createDatabase('server');
  });

  afterAll(() => database.drop());

  it('has the requested version, and supports logical replication', async () => {
    const [row] = await server.query<{ version: number; level: string }>(
      `SELECT current_setting('server_version_num')::int / 10000 AS version, current_setting('wal_level') AS level`,
    );
    const asked = process.env['TEST_POSTGRES_VERSION'];
    expect(row).toEqual({ version: asked ? Number(asked) : server.version, level: 'logical' });
  });

  it('provides a separate database for each spec', async () => {
    const [row] = await database.query<{ name: string }>('SELECT current_database() AS name');
    expect(row?.name).toBe(database.name);
    expect(new URL(database.url).pathname).toBe(`/${database.name}`);
  });

  it('drops a database together with its slots and connections', async () => {
    const doomed = await server.createDatabase('doomed');
    const slot = uniqueName('slot');
    await doomed.client();
    await doomed.query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [slot]);

    await doomed.drop();

    const left = await server.query(
      `SELECT slot_name FROM pg_replication_slots WHERE slot_name = '${slot}'
       UNION ALL SELECT datname FROM pg_database WHERE datname = '${doomed.name}'`,
    );
    expect(left).toEqual([]);
  });
});

describe('a separate server', () => {
  it('has the requested settings and access rules', async () => {
    const server = await startServer({
      settings: { wal_level: 'replica', password_encryption: 'md5' },
      hba: 'host all all all md5',
      password: "it's",
    });
    try {
      const [row] = await server.query<{ wal_level: string }>('SHOW wal_level');
      expect(row?.wal_level).toBe('replica');

      const stranger = new Client({ host: server.host, port: server.port, user: 'postgres', password: 'wrong' });
      await expect(stranger.connect()).rejects.toThrow(/password authentication failed/);
      const friend = new Client(server.url);
      await friend.connect();
      await friend.end();
    } finally {
      await server.dispose();
    }
  });

  it('stops, restarts on its port with its data, and leaves nothing behind', async () => {
    const server = await startServer();
    const { url } = server;
    await server.query('CREATE TABLE kept (id int)');
    const [row] = await server.query<{ folder: string }>(`SELECT current_setting('data_directory') AS folder`);

    await server.stop('immediate');
    await expect(server.query('SELECT')).rejects.toThrow();
    await server.start();
    expect(server.url).toBe(url);
    await server.restart('fast');
    expect(await server.query('SELECT FROM kept')).toEqual([]);

    await server.dispose();
    expect(existsSync(row?.folder ?? '')).toBe(false);
  });
});
