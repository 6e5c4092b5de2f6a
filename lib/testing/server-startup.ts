import { authenticate } from './server-authentication';
import {
  buildAuthenticationOk,
  buildFrame,
  buildParameterStatus,
  buildReadyForQuery,
  type FieldsByLetter,
} from './backend-messages';
import { CANCEL_REQUEST, SSL_REQUEST } from './client-messages';
import type { FakeCluster } from './cluster';
import { i32 } from './bytes';

/** The parameters of a start-up message: user, database, replication and settings. */
export type StartupParameters = Readonly<Record<string, string>>;

/** The result of start-up. */
export type StartupResult =
  | { readonly kind: 'accepted'; readonly frames: readonly Buffer[] }
  | { readonly kind: 'refused'; readonly fields: FieldsByLetter }
  | { readonly kind: 'cancelRequest'; readonly processId: number }
  | { readonly kind: 'ignored' };

/** Start-up as a generator: yields the server's messages, and receives the bodies of the client's responses. */
export type Startup = Generator<Buffer, StartupResult, Buffer>;

const EMPTY = Buffer.alloc(0);
/** The response to SSLRequest without TLS: one byte without a frame. */
const NO_TLS = Buffer.from('N');
const CANCEL_KEY = Buffer.from([1, 2, 3, 4]);

/** The TLS state of a connection. */
export interface Security {
  /** The server's certificate, in DER. */
  readonly certificate: Buffer;
  /** false: a client certificate was required, and none from a known authority was presented. */
  readonly clientIsKnown: boolean;
}

/** Runs the start-up up to the first ReadyForQuery. Source: PostgreSQL manual, "Start-up". */
export function* acceptStartup(
  cluster: FakeCluster,
  processId: number,
  onStartup: (parameters: StartupParameters) => Security | undefined,
): Startup {
  let body = yield EMPTY;
  while (readRequestCode(body) === SSL_REQUEST) body = yield cluster.behaviour.answersSslRequest ?? NO_TLS;
  if (readRequestCode(body) === CANCEL_REQUEST) return { kind: 'cancelRequest', processId: body.readInt32BE(4) };

  const parameters = readParameters(body);
  const user = parameters['user'] ?? '';
  const security = onStartup(parameters);
  if (!cluster.behaviour.answers) return { kind: 'ignored' };
  if (security?.clientIsKnown === false) {
    return { kind: 'refused', fields: { C: '28000', M: 'connection requires a valid client certificate' } };
  }
  const { password, authentication } = cluster;
  const proof =
    password === undefined ? EMPTY : yield* authenticate(authentication, user, password, security?.certificate);
  if (!proof) {
    const M = `password authentication failed for user "${user}"`;
    return { kind: 'refused', fields: { C: '28P01', M, R: 'auth_failed' } };
  }
  const { serverVersion } = cluster;
  const version = `${Math.floor(serverVersion / 10_000)}.${serverVersion % 10_000}`;
  const key = buildFrame('K', i32(processId), CANCEL_KEY);
  const frames = [
    proof,
    buildAuthenticationOk(),
    buildParameterStatus('server_version', version),
    key,
    buildReadyForQuery(),
  ];
  return { kind: 'accepted', frames };
}

function readRequestCode(body: Buffer): number {
  return body.length >= 4 ? body.readInt32BE(0) : 0;
}

/** Reads alternating names and values, up to a NUL byte. */
function readParameters(body: Buffer): StartupParameters {
  const texts = body.toString('utf8', 4, body.length - 2).split('\0');
  return Object.fromEntries(texts.flatMap((name, i) => (i % 2 === 0 ? [[name, texts[i + 1] ?? ''] as const] : [])));
}
