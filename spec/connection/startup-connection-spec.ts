import type { ConnectionSettings } from '../../lib/config/resolve-connection';
import { Credentials, type CredentialOptions, type CredentialProvider } from '../../lib/config/credentials';
import { StartupConnection } from '../../lib/connection/startup-connection';
import type { EstablishedConnection } from '../../lib/connection/established-connection';
import type { ReplicationError } from '../../lib/common/errors';
import { fetchSystemIdentity, executeCreateSlot } from '../../lib/commands/slot-commands';
import type { ProtocolRoutine } from '../../lib/commands/protocol-routine';
import * as backend from '../../lib/testing/backend-messages';
import type { Target } from '../../lib/net/target';
import { Clock } from '../support/clock';
import { FakeBackend, resultSet } from '../support/fake-backend';
import { READ_BACK, SESSION_SETTINGS } from '../support/session-settings';

const TARGET: Target = { host: 'db.example', port: 5432, tls: undefined, keepAlive: 0 };

const NO_SECRETS: CredentialOptions = {
  user: 'app',
  database: 'shop',
  password: undefined,
  passfile: undefined,
  oauthToken: undefined,
};

const SETTINGS: ConnectionSettings = {
  hosts: { targets: [TARGET], sessionAttrs: 'any', shuffled: false },
  startup: {
    policy: { user: 'app', methods: undefined, isExplicit: false, channelBinding: 'prefer' },
    database: 'shop',
    applicationName: 'spec',
    options: undefined,
  },
  credentials: new Credentials({ ...NO_SECRETS, password: 'secret' }),
  connectTimeout: 15_000,
  closeTimeout: 5000,
};

let clock: Clock;
let server: FakeBackend;

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
});

function converse<T>(script: () => ProtocolRoutine<T>, settings = SETTINGS) {
  const heard: { value?: T; link?: EstablishedConnection; error?: ReplicationError } = {};
  const connection = new StartupConnection(server.connect, TARGET, settings, script, {
    done: (value, link) => Object.assign(heard, { value, link }),
    failed: (error) => Object.assign(heard, { error }),
  });
  return { heard, connection };
}

const create = () => executeCreateSlot('made', 'pgoutput', { temporary: false }, 180_000);

describe('a protocol routine on a connection', () => {
  it('starts up, sets the session settings and returns its result', () => {
    const { heard } = converse(fetchSystemIdentity);
    clock.advance();
    expect(server.last.startup).toEqual({
      user: 'app',
      database: 'shop',
      application_name: 'spec',
      replication: 'database',
    });
    const { transaction_timeout: _, ...set } = SESSION_SETTINGS;
    expect(Object.fromEntries(server.last.settings)).toEqual(set);
    expect(heard.value).toMatchObject({ systemId: server.systemId, database: 'shop' });
    expect(server.last.timeouts).toBe(0);
  });

  it('fails with the error that handling the result throws, and closes the connection', () => {
    let failure: unknown;
    new StartupConnection(server.connect, TARGET, SETTINGS, fetchSystemIdentity, {
      done: () => {
        throw new Error('no scheduler');
      },
      failed: (error) => (failure = error),
    });
    clock.advance();
    expect(failure).toEqual(new Error('no scheduler'));
    expect(server.last.destroyed).toBe(true);
  });

  it('leaves the bytes after its end to the next listener', () => {
    const { heard } = converse(fetchSystemIdentity);
    server.behaviour.answersTo.push([
      /IDENTIFY/,
      Buffer.concat([
        resultSet(['systemid', 'timeline', 'xlogpos', 'dbname'], [['7', '1', '0/1', 'shop']]),
        backend.buildReadyForQuery(),
        backend.buildKeepalive(0x900n),
      ]),
    ]);
    clock.advance();
    expect(heard.link?.frames.next()).toBe(true);
    expect(heard.link?.frames.tag).toBe('d'.charCodeAt(0));
    const later: string[] = [];
    heard.link?.listen({
      receive: (chunk) => later.push(`received ${chunk.length}`),
      disconnected: () => later.push('disconnected'),
    });
    server.last.keepalive(0x900n);
    server.last.close();
    expect(later).toEqual(['received 23', 'disconnected']);
  });

  it('accepts responses that are split anywhere', () => {
    server.behaviour.answers = false;
    const { heard } = converse(fetchSystemIdentity);
    const feed = (...frames: Buffer[]): void => {
      clock.advance();
      for (const byte of Buffer.concat(frames)) server.last.send(Buffer.of(byte));
    };
    feed(backend.buildAuthenticationOk(), backend.buildParameterStatus('a', 'b'), backend.buildReadyForQuery());
    feed(backend.buildCommandComplete('SET'), backend.buildReadyForQuery());
    feed(resultSet(Object.keys(READ_BACK), [Object.values(READ_BACK)]), backend.buildReadyForQuery());
    feed(
      resultSet(['systemid', 'timeline', 'xlogpos', 'dbname'], [['7', '1', '0/1', 'shop']]),
      backend.buildNotice({ M: 'noise' }),
      backend.buildReadyForQuery(),
    );
    expect(heard.value).toMatchObject({ systemId: '7' });
  });
});

describe('connectTimeout', () => {
  it.each<[what: string, prepare: () => void, message: string]>([
    ['the host does not respond', () => (server.behaviour.reachable = false), 'was not ready'],
    ['the server sends nothing', () => (server.behaviour.answers = false), 'was not ready'],
    ['each response takes long', () => (server.latency = 4000), 'accepted the connection, but did not answer'],
  ])('applies to everything together: %s', (_, prepare, message) => {
    prepare();
    const { heard } = converse(fetchSystemIdentity);
    clock.advance(14_999);
    expect(heard.error).toBeUndefined();
    clock.advance(1);
    expect(heard.error).toMatchObject({ code: 'CONNECT_TIMEOUT', retryable: true });
    expect(heard.error?.message).toContain(`db.example:5432 ${message} within 15000 ms`);
    expect(server.last.destroyed).toBe(true);
    clock.advance(10_000);
    expect(clock.pending).toBe(0);
  });

  it('is suspended while a slot is created, and restarts after that', () => {
    server.behaviour.creationWaits = true;
    const { heard } = converse(function* () {
      yield* create();
      return yield* fetchSystemIdentity();
    });
    clock.advance(3_600_000);
    expect(heard.error).toBeUndefined();
    server.behaviour.answersTo.push([/IDENTIFY/, Buffer.alloc(0)]);
    server.latency = 14_000;
    server.last.finishCreation();
    clock.advance(14_000);
    expect(server.last.queries.at(-1)).toBe('IDENTIFY_SYSTEM');
    clock.advance(14_999);
    expect(heard.error).toBeDefined();
  });

  it('stays suspended after a notice during slot creation', () => {
    server.behaviour.creationWaits = true;
    const { heard, connection } = converse(create);
    clock.advance(1000);
    server.last.send(backend.buildNotice({ M: 'patience' }), backend.buildParameterStatus('a', 'b'));
    clock.advance(60_000);
    expect(heard.error).toBeUndefined();
    connection.abort(() => undefined);
    clock.advance(10);
    expect(server.cancelled).toHaveLength(1);
  });
});

describe('a password', () => {
  const withPassword = (password: string | CredentialProvider | undefined) =>
    converse(fetchSystemIdentity, { ...SETTINGS, credentials: new Credentials({ ...NO_SECRETS, password }) });
  const turns = () => new Promise((resolve) => setImmediate(resolve));

  beforeEach(() => {
    server.password = 'of today';
  });

  it('is waited for, and messages received in the meantime are processed later', async () => {
    let answer: (password: string) => void = () => undefined;
    const { heard } = withPassword(() => new Promise((resolve) => (answer = resolve)));
    clock.advance();
    server.last.send(backend.buildNotice({ M: 'expires soon' }));
    answer('of today');
    await turns();
    clock.advance();
    expect(heard.error).toBeUndefined();
    expect(heard.value).toMatchObject({ systemId: server.systemId });
  });

  it('is requested from a function for each connection whose server requests it, and for no other', async () => {
    let calls = 0;
    const password = (): string => {
      calls++;
      return 'of today';
    };
    const values: unknown[] = [];
    for (const asks of [true, false, true]) {
      server.password = asks ? 'of today' : undefined;
      const { heard } = withPassword(password);
      clock.advance();
      await turns();
      clock.advance();
      values.push(heard.value);
    }
    expect(values).toEqual(Array(3).fill(expect.objectContaining({ systemId: server.systemId })));
    expect(calls).toBe(2);
  });

  it('that arrives after unsubscribing has no effect', async () => {
    let answer: (password: string) => void = () => undefined;
    const { heard, connection } = withPassword(() => new Promise((resolve) => (answer = resolve)));
    clock.advance();
    connection.abort(() => undefined);
    answer('of today');
    await turns();
    clock.advance(1000);
    expect(heard).toEqual({});
    expect(clock.pending).toBe(0);
  });

  it('that takes too long is an error', () => {
    const { heard } = withPassword(() => new Promise(() => undefined));
    clock.advance(15_000);
    expect(heard.error).toMatchObject({ code: 'CREDENTIAL_UNAVAILABLE', retryable: true });
    expect(heard.error?.message).toContain('connection.password did not return it within 15000 ms');
    expect(clock.pending).toBe(0);
  });

  it.each<[what: string, source: () => unknown, code: string]>([
    [
      'throws',
      () => {
        throw new Error('vault sealed: hunter2');
      },
      'CREDENTIAL_UNAVAILABLE',
    ],
    ['rejects', () => Promise.reject(new Error('vault sealed: hunter2')), 'CREDENTIAL_UNAVAILABLE'],
    ['returns a value that is not text', () => 12345, 'CONFIG_INVALID'],
  ])('whose function %s is an error that does not quote it', async (_, source, code) => {
    const { heard } = withPassword(source as CredentialProvider);
    clock.advance();
    await turns();
    expect(heard.error).toMatchObject({ code, retryable: code === 'CREDENTIAL_UNAVAILABLE' });
    expect(heard.error?.message).not.toMatch(/hunter2|12345/);
    expect(server.last.destroyed).toBe(true);
    expect(clock.pending).toBe(0);
  });
});

describe('a server before authentication', () => {
  it('is limited in what it may send', () => {
    server.behaviour.answers = false;
    const { heard } = converse(fetchSystemIdentity);
    clock.advance();
    let sent = 0;
    for (; !heard.error && sent < 100_000; sent++) server.last.send(backend.buildNotice({ M: 'noise' }));
    expect(heard.error?.message).toContain('more than 1000 messages during start-up');
    expect(sent).toBe(1001);
  });

  it.each([0x7fff_ffff, 1 << 30, 40_000])('cannot announce a message of %i bytes', (length) => {
    server.behaviour.answers = false;
    const { heard } = converse(fetchSystemIdentity);
    clock.advance();
    const header = Buffer.from('N\0\0\0\0');
    header.writeInt32BE(length, 1);
    server.last.send(header);
    expect(heard.error).toMatchObject({ code: 'PROTOCOL_VIOLATION' });
  });
});

describe('a server that cannot start a process', () => {
  it('sends an unframed error, which is retryable', () => {
    server.behaviour.answers = false;
    const { heard } = converse(fetchSystemIdentity);
    clock.advance();
    server.last.send(Buffer.from('Ecould not fork new process for connection: out of memory\n\0'));
    expect(heard.error).toMatchObject({ code: 'CONNECTION_LOST', retryable: true });
    expect(heard.error?.message).toContain('before it had a process for it');
    expect(heard.error?.message).not.toContain('out of memory\n');
  });

  it('is distinguished from a framed error', () => {
    server.behaviour.answers = false;
    const { heard } = converse(fetchSystemIdentity);
    clock.advance();
    server.last.error({ C: '57P03', S: 'FATAL', V: 'FATAL' });
    expect(heard.error).toMatchObject({ code: 'SERVER_SHUTDOWN' });
  });
});

describe('a response that waits for other transactions', () => {
  it('is cancelled on the server after the timeout, and the error says so', () => {
    const { heard } = converse(function* () {
      server.latency = 60_000;
      return yield* fetchSystemIdentity();
    });
    clock.advance(15_000);
    expect(heard.error).toMatchObject({ code: 'CONNECT_TIMEOUT' });
    expect(heard.error?.message).toContain('accepted the connection, but did not answer within 15000 ms');
    expect(heard.error?.remedy).toContain('pg_locks');
    const [first, second] = server.connections;
    clock.advance(10);
    expect(server.cancelled).toEqual([first?.processId]);
    // The name may resolve to several servers.
    expect([first, second].map((connection) => connection?.target.address)).toEqual([undefined, '192.0.2.7']);
    clock.advance(60_000);
    expect(server.connections.map(({ closed }) => closed)).toEqual([true, true]);
    expect(clock.pending).toBe(0);
  });
});

describe('a failure during the routine', () => {
  it.each<[what: string, cause: () => void, code: string]>([
    [
      'a refused connection',
      () => server.last.close(Object.assign(new Error(), { code: 'ECONNREFUSED' })),
      'CONNECTION_REFUSED',
    ],
    ['an end', () => server.last.close(), 'CONNECTION_LOST'],
    ['a refused password', () => server.last.error({ C: '28P01', S: 'FATAL', V: 'FATAL' }), 'AUTHENTICATION_FAILED'],
    ['too many connections', () => server.last.error({ C: '53300', S: 'FATAL', V: 'FATAL' }), 'TOO_MANY_CONNECTIONS'],
    ['another protocol', () => server.last.send(Buffer.from('HTTP/1.1 400 Bad Request')), 'PROTOCOL_VIOLATION'],
    ['an unexpected message', () => server.last.send(backend.buildCopyDone()), 'PROTOCOL_VIOLATION'],
    [
      'a length that no greeting has',
      () => server.last.send(Buffer.concat([Buffer.from('R'), Buffer.from([0x10, 0, 0, 0])])),
      'PROTOCOL_VIOLATION',
    ],
  ])('is reported once, and leaves nothing open: %s', (_, cause, code) => {
    server.behaviour.answers = false;
    const { heard, connection } = converse(fetchSystemIdentity);
    clock.advance();
    cause();
    const { error } = heard;
    expect(error?.code).toBe(code);
    expect(error?.message).not.toContain('secret');
    server.last.close();
    clock.advance(60_000);
    expect(heard.error).toBe(error);
    expect(clock.pending).toBe(0);
    expect(server.last.closed).toBe(true);
    let done = false;
    connection.abort(() => (done = true));
    expect(done).toBe(true);
  });

  it('is a configuration error if a NUL byte would truncate a text', () => {
    const startup = { ...SETTINGS.startup, policy: { ...SETTINGS.startup.policy, user: 'a\0b' } };
    const { heard } = converse(fetchSystemIdentity, { ...SETTINGS, startup });
    clock.advance();
    expect(heard.error).toMatchObject({ code: 'CONFIG_INVALID', option: 'connection.user' });
    expect(server.last.destroyed).toBe(true);
  });
});

describe('unsubscribing', () => {
  it('destroys the connection immediately', () => {
    const { connection, heard } = converse(fetchSystemIdentity);
    let done = false;
    connection.abort(() => (done = true));
    expect(done).toBe(true);
    expect(server.last.log).toEqual(['destroy']);
    clock.advance(60_000);
    expect(heard).toEqual({});
    expect(server.connections).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it('cancels the creation of a slot on a second connection, and then closes both', () => {
    server.behaviour.creationWaits = true;
    const { connection } = converse(create);
    clock.advance(1000);
    let done = 0;
    connection.abort(() => done++);
    expect(done).toBe(0);
    clock.advance(10);
    const [first, second] = server.connections;
    expect(server.cancelled).toEqual([first?.processId]);
    expect(second?.log).toEqual([`cancel ${first?.processId ?? ''}`, 'destroy']);
    expect(first?.log.at(-1)).toBe('destroy');
    expect(done).toBe(1);
    clock.advance(60_000);
    expect(done).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it('waits at most closeTimeout for that', () => {
    server.behaviour.creationWaits = true;
    const { connection } = converse(create);
    clock.advance(1000);
    server.behaviour.reachable = false;
    let done = 0;
    connection.abort(() => done++);
    clock.advance(4999);
    expect(done).toBe(0);
    clock.advance(1);
    expect(done).toBe(1);
    expect(server.connections.map(({ destroyed }) => destroyed)).toEqual([true, true]);
  });

  it('completes even if the second connection is refused', () => {
    server.behaviour.creationWaits = true;
    const { connection } = converse(create);
    clock.advance(1000);
    server.behaviour.refusal = new Error('no');
    let done = 0;
    connection.abort(() => done++);
    clock.advance(10);
    expect(done).toBe(1);
    expect(server.connections[0]?.destroyed).toBe(true);
  });

  it('ignores messages of the server in the meantime', () => {
    server.behaviour.creationWaits = true;
    const { connection, heard } = converse(create);
    clock.advance(1000);
    connection.abort(() => undefined);
    const [first] = server.connections;
    first?.error({ C: '57014', M: 'canceling statement due to user request' });
    first?.finishCreation();
    first?.close(new Error('reset'));
    clock.advance(10_000);
    expect(heard).toEqual({});
  });
});
