import { inspect } from 'node:util';
import { firstValueFrom } from 'rxjs';
import { identifySystem, logicalReplication, type ConnectionOptions, type ReplicationError } from '../../lib/index';
import { startServer, type TestServer } from '../support/server';
import { failureOf, leavingNoSocket, marked, noBackends } from './life-support';

/** A word that nothing else contains. */
const SECRET = 'sesame42';
/** Spaces of several kinds, a soft hyphen, what NFKC changes, an astral character, and URI syntax. */
const ODD = 'pass\u00a0word \u00ad Ⅸ ª ü u\u0308 𝐀 %41@:/?#\'"\\';
/** SASLprep knows Unicode 3.2, where this is unassigned: then the raw bytes count, soft hyphen and all. */
const NEW = '😀\u00ad\u00a0ª';

let server: TestServer;

beforeAll(async () => {
  server = await startServer({
    hba: [
      'host all trusted all trust',
      'host all clear_one,clear_odd,clear_new all password',
      'host all md5_one,md5_odd,md5_new all md5',
      'host all scram_one,scram_odd,scram_new,none_set all scram-sha-256',
      'host all postgres all trust',
      'host all rejected all reject',
      // Not what a logical walsender needs, though it looks so.
      'host replication stranger all trust',
    ].join('\n'),
  });
  const literal = (password: string) => `'${password.replaceAll("'", "''")}'`;
  for (const role of ['trusted', 'rejected', 'stranger', 'none_set']) {
    await server.query(`CREATE ROLE ${role} LOGIN REPLICATION`);
  }
  for (const method of ['clear', 'md5', 'scram']) {
    const encryption = method === 'md5' ? 'md5' : 'scram-sha-256';
    for (const [role, password] of [
      [`${method}_one`, SECRET],
      [`${method}_odd`, ODD],
      [`${method}_new`, NEW],
    ] as const) {
      await server.query(
        `SET standard_conforming_strings = on; SET password_encryption = '${encryption}';
         CREATE ROLE ${role} LOGIN REPLICATION PASSWORD ${literal(password)}`,
      );
    }
  }
});

afterAll(() => server.dispose());

const identify = (connection: ConnectionOptions) =>
  identifySystem({ connection: { connectionString: server.url, ...connection } });

/** An error as people see it: all that logs, consoles and error trackers print. */
const shown = (error: ReplicationError): string =>
  [
    error.message,
    error.stack,
    inspect(error, { depth: 10, showHidden: true }),
    JSON.stringify(error),
    JSON.stringify(error, Object.getOwnPropertyNames(error)),
  ].join('\n');

describe('a user is let in', () => {
  it.each([
    ['trust', 'trusted', undefined],
    ['trust, with a password nobody asks for', 'trusted', SECRET],
    ['password', 'clear_one', SECRET],
    ['md5', 'md5_one', SECRET],
    ['scram-sha-256', 'scram_one', SECRET],
    ['password, an odd one', 'clear_odd', ODD],
    ['md5, an odd one', 'md5_odd', ODD],
    ['scram-sha-256, an odd one', 'scram_odd', ODD],
    ['password, one that SASLprep cannot prepare', 'clear_new', NEW],
    ['md5, one that SASLprep cannot prepare', 'md5_new', NEW],
    ['scram-sha-256, one that SASLprep cannot prepare', 'scram_new', NEW],
    ['scram-sha-256, an odd one as normalised', 'scram_odd', 'pass word  IX a ü ü A %41@:/?#\'"\\'],
  ])('by %s', async (_, user, password) => {
    const { database } = await firstValueFrom(identify({ user, password }));
    expect(database).toBe('postgres');
  });

  it('by a percent-encoded password in a URI', async () => {
    const uri = `postgres://scram_odd:${encodeURIComponent(ODD)}@${server.host}:${server.port}/postgres`;
    expect(await firstValueFrom(identifySystem({ connection: uri }))).toMatchObject({ database: 'postgres' });
  });
});

describe('a user is kept out', () => {
  it.each([
    ['password', 'clear_one', 'wrong'],
    ['md5', 'md5_one', 'wrong'],
    ['scram-sha-256', 'scram_one', 'wrong'],
    ['a role that has no password', 'none_set', 'wrong'],
  ])('by a wrong password: %s', async (_, user, word) => {
    const password = `${word}-${SECRET}`;
    const { name, connection } = marked(server.url, { user, password });
    const error = await leavingNoSocket(() =>
      failureOf(logicalReplication({ connection, slot: 'unused', publications: ['pub'] })),
    );
    expect(error).toMatchObject({ code: 'AUTHENTICATION_FAILED', retryable: false, sqlState: '28P01' });
    expect(error.message).toMatch(/Check user, password/);
    expect(shown(error)).not.toContain(SECRET);
    await noBackends(server, name);
  });

  it.each(['clear_one', 'md5_one', 'scram_one'])('by no password: %s', async (user) => {
    const { name, connection } = marked(server.url, { user });
    const error = await leavingNoSocket(() =>
      failureOf(logicalReplication({ connection, slot: 'unused', publications: ['pub'] })),
    );
    expect(error).toMatchObject({ code: 'AUTHENTICATION_FAILED', retryable: false });
    expect(error.message).toMatch(/none was given.*PGPASSWORD/s);
    await noBackends(server, name);
  });

  it.each([
    ['a line that rejects', 'rejected'],
    ['no line that fits', 'stranger'],
  ])('by pg_hba.conf: %s', async (_, user) => {
    const error = await leavingNoSocket(() => failureOf(identify({ user, password: SECRET })));
    expect(error).toMatchObject({ code: 'HBA_REFUSED', retryable: false, sqlState: '28000' });
    expect(error.message).toMatch(/pg_hba\.conf line.*"replication" keyword/s);
    expect(shown(error)).not.toContain(SECRET);
  });
});

describe('the password is in no error', () => {
  it('of a URI that cannot be read, of options, and of a connection that fails later', async () => {
    const errors: ReplicationError[] = [];
    for (const connection of [
      `postgres://user:${SECRET}@[::1/db`,
      `postgres://user:${SECRET}%@host:99999/db`,
      { host: 'localhost', port: -1, password: SECRET },
      { host: 'localhost', password: SECRET, hots: 'typo' },
    ]) {
      try {
        identifySystem({ connection });
      } catch (error) {
        errors.push(error as ReplicationError);
      }
    }
    expect(errors.map(({ code }) => code)).toEqual(Array.from({ length: 4 }, () => 'CONFIG_INVALID'));

    errors.push(await failureOf(identify({ port: 1, user: 'u', password: SECRET })));
    errors.push(await failureOf(identify({ ssl: true, user: 'u', password: SECRET })));
    errors.push(await failureOf(identify({ database: 'missing', user: 'scram_one', password: SECRET })));
    for (const error of errors) expect(shown(error)).not.toContain(SECRET);
  });
});
