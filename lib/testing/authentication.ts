import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { saslPrep } from '../wire/saslprep';
import { frame } from './backend-messages';
import { cstring, u32, u8 } from './bytes';

/** How the server asks for the password, as `pg_hba.conf` names it. */
export type AuthenticationMethod = 'scram-sha-256' | 'md5' | 'password';

/**
 * Yields what the server sends and takes the client's answer to it, without the header. Returns what goes before
 * AuthenticationOk, or undefined where the password was wrong.
 */
export type AuthenticationDialogue = Generator<Buffer, Buffer | undefined, Buffer>;

const NOTHING = Buffer.alloc(0);
/** A server draws these at random; here a run shall be like the one before. */
const MD5_SALT = Buffer.from([1, 2, 3, 4]);
const SCRAM_SALT = Buffer.from('fake walsender');
const SCRAM_NONCE = 'fakeWalSender';
const SCRAM_ITERATIONS = 4096;

/** Source: PostgreSQL manual, "Start-up". */
export function* authenticate(method: AuthenticationMethod, user: string, password: string): AuthenticationDialogue {
  if (method === 'scram-sha-256') return yield* scram(password);
  const md5Answer = `md5${hash('md5', hash('md5', password + user).toString('hex'), MD5_SALT).toString('hex')}`;
  const [request, expected] =
    method === 'md5' ? [frame('R', u32(5), MD5_SALT), md5Answer] : [frame('R', u32(3)), password];
  const answer = yield request;
  return answer.equals(cstring(expected)) ? NOTHING : undefined;
}

/** The server's side of SCRAM-SHA-256, without channel binding. Source: RFC 5802. */
function* scram(password: string): AuthenticationDialogue {
  const initial = yield frame('R', u32(10), cstring('SCRAM-SHA-256'), u8(0));
  // The mechanism, four bytes of length, `n,,n=,r=<nonce>`.
  const [, clientFirst = '', nonce = ''] =
    /^n,,(n=[^,]*,r=(.+))$/.exec(initial.toString('utf8', initial.indexOf(0) + 5)) ?? [];
  if (nonce === '') return undefined;
  const serverFirst = `r=${nonce}${SCRAM_NONCE},s=${SCRAM_SALT.toString('base64')},i=${SCRAM_ITERATIONS}`;
  const final = (yield frame('R', u32(11), Buffer.from(serverFirst))).toString();
  const [, withoutProof = '', proof = ''] = /^(c=biws,r=.+),p=(.+)$/.exec(final) ?? [];

  const exchange = `${clientFirst},${serverFirst},${withoutProof}`;
  const salted = pbkdf2Sync(saslPrep(password), SCRAM_SALT, SCRAM_ITERATIONS, 32, 'sha256');
  const clientKey = hmac(salted, 'Client Key');
  const signature = hmac(hash('sha256', clientKey), exchange);
  const expected = Buffer.from(clientKey.map((byte, i) => byte ^ signature.readUInt8(i)));
  if (proof !== expected.toString('base64')) return undefined;
  return frame('R', u32(12), Buffer.from(`v=${hmac(hmac(salted, 'Server Key'), exchange).toString('base64')}`));
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function hash(algorithm: string, ...parts: readonly (string | Buffer)[]): Buffer {
  const made = createHash(algorithm);
  for (const part of parts) made.update(part);
  return made.digest();
}
