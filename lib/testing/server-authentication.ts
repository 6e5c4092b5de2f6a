import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { hashCertificate } from '../wire/certificate-hash';
import { saslPrep } from '../wire/saslprep';
import { buildFrame } from './backend-messages';
import { cstring, u32, u8 } from './bytes';

/** The authentication method, named as in `pg_hba.conf`. */
export type AuthenticationMethod = 'scram-sha-256' | 'md5' | 'password' | 'oauth';

/**
 * Yields the server's messages and receives the client's responses without their headers. Returns the message to send before
 * AuthenticationOk, or undefined if the password is wrong.
 */
export type AuthenticationRoutine = Generator<Buffer, Buffer | undefined, Buffer>;

const EMPTY = Buffer.alloc(0);
/** Fixed values, so that all runs are equal. A real server uses random ones. */
const MD5_SALT = Buffer.from([1, 2, 3, 4]);
const SCRAM_SALT = Buffer.from('fake walsender');
const SCRAM_NONCE = 'fakeWalSender';
const SCRAM_ITERATIONS = 4096;
const OAUTH_REFUSAL = {
  status: 'invalid_token',
  'openid-configuration': 'https://issuer.example/.well-known/openid-configuration',
  scope: 'replication',
};

/**
 * @param password the token for oauth
 * @param certificate the server's certificate of a TLS connection, in DER; with it the server offers channel binding
 *
 * Source: PostgreSQL manual, "Start-up" and "SASL Authentication".
 */
export function* authenticate(
  method: AuthenticationMethod,
  user: string,
  password: string,
  certificate?: Buffer,
): AuthenticationRoutine {
  if (method === 'scram-sha-256') return yield* authenticateScram(password, certificate);
  if (method === 'oauth') return yield* authenticateOAuth(password);
  const md5Answer = `md5${hash('md5', hash('md5', password + user).toString('hex'), MD5_SALT).toString('hex')}`;
  const [request, expected] =
    method === 'md5' ? [buildFrame('R', u32(5), MD5_SALT), md5Answer] : [buildFrame('R', u32(3)), password];
  const answer = yield request;
  return answer.equals(cstring(expected)) ? EMPTY : undefined;
}

/** The server side of OAUTHBEARER. Source: RFC 7628. */
function* authenticateOAuth(token: string): AuthenticationRoutine {
  const { mechanism, data } = readInitialResponse(yield encodeMechanisms('OAUTHBEARER'));
  if (mechanism !== 'OAUTHBEARER') return undefined;
  if (data === `n,,\x01auth=Bearer ${token}\x01\x01`) return EMPTY;
  // The server sends the ErrorResponse after the client's response, which is one byte.
  yield buildFrame('R', u32(11), Buffer.from(JSON.stringify(OAUTH_REFUSAL)));
  return undefined;
}

/** The server side of SCRAM-SHA-256, and of SCRAM-SHA-256-PLUS if there is a certificate. Source: RFC 5802. */
function* authenticateScram(password: string, certificate: Buffer | undefined): AuthenticationRoutine {
  const offered = certificate ? ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'] : ['SCRAM-SHA-256'];
  const { mechanism, data } = readInitialResponse(yield encodeMechanisms(...offered));
  const [, header = '', clientFirst = '', nonce = ''] =
    /^([ny],,|p=tls-server-end-point,,)(n=[^,]*,r=(.+))$/.exec(data) ?? [];
  if (nonce === '' || !offered.includes(mechanism)) return undefined;
  const isBound = header.startsWith('p');
  // With y, a client states that no channel binding was offered. It was, so a man in the middle has changed the offer.
  if (isBound !== (mechanism === 'SCRAM-SHA-256-PLUS') || (header === 'y,,' && certificate)) return undefined;
  const binding = isBound && certificate ? hashCertificate(certificate) : EMPTY;
  if (!binding) return undefined;

  const serverFirst = `r=${nonce}${SCRAM_NONCE},s=${SCRAM_SALT.toString('base64')},i=${SCRAM_ITERATIONS}`;
  const final = (yield buildFrame('R', u32(11), Buffer.from(serverFirst))).toString();
  const bound = `c=${Buffer.concat([Buffer.from(header), binding]).toString('base64')}`;
  const [, withoutProof = '', sent = '', again = '', proof = ''] = /^((c=[^,]*),r=([^,]*)),p=(.+)$/.exec(final) ?? [];
  if (sent !== bound || again !== nonce + SCRAM_NONCE) return undefined;

  const exchange = `${clientFirst},${serverFirst},${withoutProof}`;
  const salted = pbkdf2Sync(saslPrep(password), SCRAM_SALT, SCRAM_ITERATIONS, 32, 'sha256');
  const clientKey = computeHmac(salted, 'Client Key');
  const signature = computeHmac(hash('sha256', clientKey), exchange);
  const expected = Buffer.from(clientKey.map((byte, i) => byte ^ signature.readUInt8(i)));
  if (proof !== expected.toString('base64')) return undefined;
  return buildFrame(
    'R',
    u32(12),
    Buffer.from(`v=${computeHmac(computeHmac(salted, 'Server Key'), exchange).toString('base64')}`),
  );
}

function encodeMechanisms(...names: readonly string[]): Buffer {
  return buildFrame('R', u32(10), ...names.map(cstring), u8(0));
}

/** Reads a SASLInitialResponse: the mechanism, a length of four bytes, and the initial response. */
function readInitialResponse(answer: Buffer): { mechanism: string; data: string } {
  const nul = answer.indexOf(0);
  return { mechanism: answer.toString('utf8', 0, nul), data: answer.toString('utf8', nul + 5) };
}

function computeHmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function hash(algorithm: string, ...parts: readonly (string | Buffer)[]): Buffer {
  const made = createHash(algorithm);
  for (const part of parts) made.update(part);
  return made.digest();
}
