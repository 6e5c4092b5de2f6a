import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import type { Observable } from 'rxjs';
import {
  identifySystem,
  logicalReplication,
  ReplicationError,
  type ConnectionOptions,
  type ErrorCode,
} from '../../../lib/index';
import { handles, until } from '../../net/support/local-server';
import { HostileServer, type Peer, type Script } from './hostile-server';
import { LoopClock } from '../../support/loop-clock';

export const USER = 'app';
export const PASSWORD = 'sesame-42 &ö';
export const TOKEN = 'mF_9.B5f-4.1JqM';
/** The salt of the md5 hash. */
export const SALT = Buffer.from([1, 2, 3, 4]);

/** The secrets of a client, and their encoded forms in the data that it sends. */
const FORMS = {
  password: listForms(PASSWORD),
  token: listForms(TOKEN),
  // The hash in pg_authid is as secret as the password.
  stored: [md5(PASSWORD + USER)],
  md5: [md5(md5(PASSWORD + USER), SALT)],
  proof: [',p='],
} as const;

export type Given = keyof typeof FORMS;

/** The maximum duration of an attack, in ms of a {@link LoopClock}. */
export const MAX_DURATION = 2500;

/** The result of an attack. */
export interface Outcome {
  readonly error: ReplicationError;
  /** The secrets that the client sent. */
  readonly given: readonly Given[];
  /** The connections that it opened. */
  readonly peers: readonly Peer[];
  /** Its warnings. */
  readonly warnings: readonly string[];
  /** The duration in ms. */
  readonly ms: number;
  /** The duration without time that the machine spent on other processes; see {@link LoopClock}. */
  readonly busyMs: number;
}

export interface AttackOptions {
  /** In ms. Default: 3000. */
  readonly connectTimeout?: number;
  /** The maximum duration in ms of a {@link LoopClock}. Default: {@link MAX_DURATION}. */
  readonly within?: number;
  /** Replaces the stream and the management command. */
  readonly source?: (connection: ConnectionOptions, connectTimeout: number) => Observable<unknown>;
}

export const SOURCES = {
  stream: (connection: ConnectionOptions, connectTimeout: number): Observable<unknown> =>
    logicalReplication({ connection, connectTimeout, closeTimeout: 200, slot: 'orders', publications: ['orders_pub'] }),
  question: (connection: ConnectionOptions, connectTimeout: number): Observable<unknown> =>
    identifySystem({ connection, connectTimeout, closeTimeout: 200 }),
};

/**
 * Runs the script against a stream and against a management command. Verifies that each ends soon, with an error of the
 * library, that nothing is left open, and that no secret is in anything that may be logged.
 */
export async function attack(
  script: Script,
  connection: ConnectionOptions = {},
  options: AttackOptions = {},
): Promise<Outcome> {
  const { source } = options;
  if (source) return attempt(script, connection, source, options);
  const asked = await attempt(script, connection, SOURCES.question, options);
  const streamed = await attempt(script, connection, SOURCES.stream, options);
  expect(streamed.error.message.replace(/:\d+/g, '')).toBe(asked.error.message.replace(/:\d+/g, ''));
  expect(streamed.given).toEqual(asked.given);
  return { ...streamed, warnings: [...asked.warnings, ...streamed.warnings] };
}

/** Verifies that the attack ends with this error and message, and that no secret was sent. */
export async function expectRefusal(
  attacking: Promise<Outcome>,
  code: ErrorCode,
  message: RegExp,
  given: readonly Given[] = [],
): Promise<Outcome> {
  const outcome = await attacking;
  const { error } = outcome;
  expect({ code: error.code, message: error.message }).toEqual({ code, message: expect.stringMatching(message) });
  expect(outcome.given).toEqual(given);
  return outcome;
}

async function attempt(
  script: Script,
  connection: ConnectionOptions,
  source: (connection: ConnectionOptions, connectTimeout: number) => Observable<unknown>,
  { connectTimeout = 3000, within = MAX_DURATION }: AttackOptions,
): Promise<Outcome> {
  const before = handles().length;
  const server = await HostileServer.listen(script);
  const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation();
  try {
    const clock = new LoopClock();
    const started = performance.now();
    const where = { host: '127.0.0.1', port: server.port, user: USER, database: 'shop', passfile: '/dev/null' };
    const observable = source({ ...where, password: PASSWORD, ...connection }, connectTimeout);
    const error = await waitForFailure(observable);
    const ms = performance.now() - started;
    const busyMs = clock.stop();
    expect(busyMs).toBeLessThan(within);
    await until(() => server.peers.every(({ disconnected: gone }) => gone));
    const { peers, sent } = server;
    await server.close();
    await until(() => handles().length <= before);
    const warnings = emitWarning.mock.calls.map((call: readonly unknown[]) => inspect(call));
    expectNoSecret([...faces(error), ...faces(observable), ...warnings]);
    return { error, given: findSecrets(sent), peers, warnings, ms, busyMs };
  } finally {
    emitWarning.mockRestore();
    await server.close();
  }
}

/** Everything in an error that may be logged. */
export function faces(value: unknown): string[] {
  const seen = [inspect(value, { depth: 10, showHidden: true })];
  // The cause may be an error of Node without a JSON form.
  if (!(value instanceof Error)) return seen;
  if (value instanceof ReplicationError) {
    seen.push(JSON.stringify(value), JSON.stringify(value, Object.getOwnPropertyNames(value)));
  }
  return [...seen, value.message, value.stack ?? '', String(value), ...faces(value.cause)];
}

export function expectNoSecret(texts: readonly string[]): void {
  const secrets = [...FORMS.password, ...FORMS.token, ...FORMS.stored, ...FORMS.md5];
  expect(texts.filter((text) => secrets.some((secret) => text.includes(secret)))).toEqual([]);
}

function findSecrets(sent: string): Given[] {
  const kinds = Object.keys(FORMS) as Given[];
  return kinds.filter((kind) => FORMS[kind].some((form) => sent.includes(form)));
}

function waitForFailure(source: Observable<unknown>): Promise<ReplicationError> {
  return new Promise((resolve, reject) => {
    source.subscribe({
      error: (error: unknown) => {
        if (error instanceof ReplicationError) resolve(error);
        else reject(new Error('It ended with an error that is not ours', { cause: error }));
      },
      complete: () => reject(new Error('It completed')),
    });
  });
}

/** A secret in the encodings in which it may occur, each read as latin1. */
function listForms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [
    secret,
    bytes.toString('latin1'),
    bytes.toString('base64'),
    bytes.toString('hex'),
    encodeURIComponent(secret),
  ];
}

function md5(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
