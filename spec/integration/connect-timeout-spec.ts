import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import { Worker } from 'node:worker_threads';
import type { Client } from 'pg';
import { ConnectionError, logicalReplication, type PgoutputConfig, type ReplicationError } from '../../lib/index';
import { CERTIFICATE, KEY } from '../net/support/certificate';
import { LocalServer } from '../net/support/local-server';
import { FaultProxy } from '../support/proxy';
import { startServer, uniqueName, type TestDatabase, type TestServer } from '../support/server';
import {
  fetchBackends,
  waitForFailure,
  expectNoSocketLeft,
  marked,
  measureConnectTimeout,
  waitForNoBackends,
  NUMBERS,
} from './support/life';
import { waitUntil, Recorder } from './support/bed';
import { LoopClock } from '../support/loop-clock';

let server: TestServer;
let database: TestDatabase;

beforeAll(async () => {
  server = await startServer({ hba: 'host all all all scram-sha-256', password: 'secret' });
  database = await server.createDatabase('timeouts');
  await database.query(NUMBERS);
});

afterAll(() => server.dispose());

const stream = (slot: string, more: Partial<PgoutputConfig>) =>
  logicalReplication({ connection: database.url, slot, publications: ['pub'], ...more });

/** The error of a stream that must fail after this number of ms, and not sooner. */
async function givesUp(connectTimeout: number, config: Partial<PgoutputConfig>, slot = 's'): Promise<ReplicationError> {
  const clock = new LoopClock();
  const started = performance.now();
  const error = await waitForFailure(stream(slot, { connectTimeout, ...config }));
  const took = performance.now() - started;
  // Timers of Node may fire a millisecond early.
  expect(took).toBeGreaterThanOrEqual(connectTimeout - 2);
  expect(clock.stop()).toBeLessThan(connectTimeout + 1000);
  expect(error).toBeInstanceOf(ConnectionError);
  expect(error.message).toMatch(new RegExp(`(?:was not ready|did not answer) within ${connectTimeout} ms`));
  return error;
}

const TIMED_OUT = { code: 'CONNECT_TIMEOUT', retryable: true };

/** A short description of a client message. */
function titleOf(frame: Buffer): string {
  const text = frame.toString('latin1').replace(/\s+/g, ' ');
  if (text.startsWith('\0')) return 'StartupMessage';
  if (text.startsWith('p')) return text.includes('SCRAM-SHA-256') ? 'SASLInitialResponse' : 'SASLResponse';
  return text.slice(5, -1);
}

/** A server that stops responding at the client's nth message, and the client's messages. */
async function silentProxy(n = Infinity): Promise<{ proxy: FaultProxy; said: string[] }> {
  const proxy = await FaultProxy.before(database.url);
  const said: string[] = [];
  proxy.filter = (frame, from) => {
    if (from === 'server') return frame;
    if (said.push(titleOf(frame)) <= n) return frame;
    proxy.stall();
    return [];
  };
  return { proxy, said };
}

/** The client's messages until the stream starts, and a timeout in ms that suffices if many clients send them concurrently. */
async function wholeGreeting(
  slot: string,
  more: Partial<PgoutputConfig> = {},
): Promise<{ greeting: string[]; timeout: number }> {
  const started = performance.now();
  const { proxy, said } = await silentProxy();
  const greeting: string[] = [];
  const openObserver = { next: () => void greeting.push(...said) };
  const recorder = new Recorder(stream(slot, { connection: proxy.through(database.url), openObserver, ...more }));
  await recorder.take(1);
  const took = performance.now() - started;
  recorder.unsubscribe();
  await waitUntil(
    () => Promise.resolve(proxy.connections),
    (count) => count === 0,
  );
  await proxy.close();
  return { greeting, timeout: Math.ceil(Math.max(1000, 2 * greeting.length * took)) };
}

/** Stops responding at the client's nth message. @returns the message, and the resulting error */
async function silenceAt(n: number, connectTimeout: number, slot: string, more: Partial<PgoutputConfig> = {}) {
  const { proxy, said } = await silentProxy(n);
  const { name, connection } = marked(proxy.through(database.url));
  const { code, retryable } = await givesUp(connectTimeout, { connection, ...more }, slot);
  await proxy.close();
  await waitForNoBackends(server, name);
  return { at: said.at(-1), code, retryable };
}

describe('connectTimeout limits the wait for a response', () => {
  it('to each message until the stream starts', async () => {
    const slot = uniqueName('slot');
    await database.query('SELECT pg_create_logical_replication_slot($1, $2)', [slot, 'pgoutput']);
    const { greeting, timeout } = await wholeGreeting(slot);
    expect(greeting.slice(0, 3)).toEqual(['StartupMessage', 'SASLInitialResponse', 'SASLResponse']);
    expect(greeting.at(-1)).toMatch(/^START_REPLICATION/);
    for (const query of ['server_version_num', 'idle_session', 'IDENTIFY_SYSTEM', 'pg_publication ', '_slots']) {
      expect(greeting).toContainEqual(expect.stringContaining(query));
    }
    // Concurrently, each over a separate connection.
    const outcomes = await expectNoSocketLeft(() => Promise.all(greeting.map((_, n) => silenceAt(n, timeout, slot))));
    expect(outcomes).toEqual(greeting.map((at) => ({ at, ...TIMED_OUT })));
  });

  it('to each message after a slot was created', async () => {
    const config = { ensureSlot: true };
    const { greeting, timeout } = await wholeGreeting(uniqueName('slot'), config);
    const created = greeting.findIndex((text) => text.startsWith('CREATE_REPLICATION_SLOT'));
    const outcomes = await expectNoSocketLeft(() =>
      Promise.all(
        greeting.slice(created + 1).map((_, i) => silenceAt(created + 1 + i, timeout, uniqueName('slot'), config)),
      ),
    );
    expect(outcomes.map(({ at }) => at?.split(' ')[0])).toEqual(['SELECT', 'START_REPLICATION']);
    for (const outcome of outcomes) expect(outcome).toMatchObject(TIMED_OUT);
  });

  it('to the TCP connection request', async () => {
    const { port, close } = await fullQueue();
    const connection = { host: '127.0.0.1', port };
    expect(await expectNoSocketLeft(() => givesUp(500, { connection }))).toMatchObject(TIMED_OUT);
    await close();
  });

  it.each<[string, (socket: Socket) => void]>([
    ['SSLRequest', () => undefined],
    ['the first message of the TLS handshake', (socket) => void socket.once('data', () => socket.write('S'))],
    [
      'the start-up message under TLS',
      (socket) =>
        void socket.once('data', () => {
          socket.write('S');
          new TLSSocket(socket, { isServer: true, key: KEY, cert: CERTIFICATE }).on('error', () => undefined).resume();
        }),
    ],
  ])('to %s', async (_, serve) => {
    const silent = new LocalServer(serve);
    const { host, port } = await silent.listen();
    const connection = { host, port, ssl: { rejectUnauthorized: false } };
    expect(await givesUp(500, { connection })).toMatchObject(TIMED_OUT);
    const socket = await silent.socket();
    if (!socket.closed) await once(socket.resume(), 'close');
    await silent.close();
  });
});

describe('connectTimeout does not limit the creation of a slot', () => {
  /** A connection with an open write transaction, for which slot creation waits. */
  async function blocker(): Promise<Client> {
    const client = await database.client();
    await client.query('BEGIN; INSERT INTO numbers VALUES (-1)');
    return client;
  }

  /** A stream that has waited for longer than its timeout. */
  async function waiting() {
    const connectTimeout = await measureConnectTimeout(database.url);
    const client = await blocker();
    const slot = uniqueName('slot');
    const { name, connection } = marked(database.url);
    const source = stream(slot, { connection, ensureSlot: true, connectTimeout });
    const failed: unknown[] = [];
    const recorder = new Recorder(source);
    recorder.completed().catch((error: unknown) => failed.push(error));
    await waitUntil(
      () => fetchBackends(server, name),
      (rows) => rows.some(({ query }) => query.startsWith('CREATE_REPLICATION_SLOT')),
    );
    await delay(connectTimeout * 2);
    expect(failed).toEqual([]);
    return { client, slot, name, recorder };
  }

  const slots = (slot: string) => database.query('SELECT FROM pg_replication_slots WHERE slot_name = $1', [slot]);

  it('which waits for open transactions, and the stream starts when they have ended', async () => {
    const { client, slot, recorder } = await waiting();
    await client.query('ROLLBACK');
    await recorder.take(1);
    await database.query('INSERT INTO numbers VALUES (1)');
    await recorder.find(({ kind }) => kind === 'commit');
    recorder.unsubscribe();
    expect(await slots(slot)).toHaveLength(1);
    await client.end();
  });

  it('which leaves neither slot nor backend after unsubscribing', async () => {
    await expectNoSocketLeft(async () => {
      const { client, slot, name, recorder } = await waiting();
      recorder.unsubscribe();
      await waitForNoBackends(server, name);
      expect(await slots(slot)).toEqual([]);
      await client.query('ROLLBACK');
      expect(await slots(slot)).toEqual([]);
      await client.end();
    });
  });
});

/** A port whose backlog is full, so that the kernel ignores further SYNs. */
async function fullQueue(): Promise<{ port: number; close: () => Promise<void> }> {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
     const listener = require('node:net').createServer().listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
       parentPort.postMessage(listener.address().port);
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
     });`,
    { eval: true },
  );
  const [port] = (await once(worker, 'message')) as [number];
  const calls: Socket[] = [];
  for (let answered = true; answered;) {
    const call = connect({ host: '127.0.0.1', port }).on('error', () => undefined);
    calls.push(call);
    answered = await Promise.race([once(call, 'connect').then(() => true), delay(300, false)]);
  }
  const close = async (): Promise<void> => {
    for (const call of calls) call.destroy();
    await worker.terminate();
  };
  return { port, close };
}
