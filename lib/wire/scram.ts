import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';
import { ProtocolError, ReplicationError } from '../errors';
import { saslPrep } from './saslprep';

/** No channel binding. */
const GS2_HEADER = 'n,,';
/** PostgreSQL's default is 4096. A server must not be able to keep us hashing for minutes. */
const MOST_ITERATIONS = 10_000_000;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export interface ScramOptions {
  readonly password: string;
  /** For tests alone. */
  readonly nonce?: string;
}

/**
 * The client's side of one SCRAM-SHA-256 exchange: initial, respond, verify.
 *
 * Source: RFC 5802 and RFC 7677.
 */
export class ScramClient {
  readonly mechanism = 'SCRAM-SHA-256';
  readonly #firstBare: string;
  readonly #nonce: string;
  #password: string | undefined;
  #serverSignature: Buffer | undefined;
  #verified = false;

  constructor({ password, nonce = randomBytes(18).toString('base64') }: ScramOptions) {
    this.#nonce = nonce;
    // No name: PostgreSQL takes the StartupMessage's and ignores the one here.
    this.#firstBare = `n=,r=${nonce}`;
    this.#password = password;
  }

  /** Whether the server has shown that it knows the password. */
  get verified(): boolean {
    return this.#verified;
  }

  /** The client-first-message. */
  initial(): string {
    return GS2_HEADER + this.#firstBare;
  }

  /**
   * The client-final-message.
   *
   * @param serverFirst `r=<nonce>,s=<salt>,i=<iterations>`
   * @throws {ProtocolError} when it is malformed or asks for an unreasonable number of iterations.
   * @throws {ReplicationError} `SERVER_NOT_AUTHENTIC` when its nonce is not ours continued.
   */
  respond(serverFirst: string): string {
    const password = this.#password;
    if (password === undefined) throw new ProtocolError('The server sent a second SCRAM challenge; expected one');
    const { nonce, salt, iterations } = parseServerFirst(serverFirst);
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length) {
      throw new ReplicationError('SERVER_NOT_AUTHENTIC', 'The nonce in the SCRAM challenge does not continue ours');
    }
    this.#password = undefined;

    const withoutProof = `c=${Buffer.from(GS2_HEADER).toString('base64')},r=${nonce}`;
    const exchange = `${this.#firstBare},${serverFirst},${withoutProof}`;
    const salted = pbkdf2Sync(saslPrep(password), salt, iterations, 32, 'sha256');
    const clientKey = hmac(salted, 'Client Key');
    const storedKey = createHash('sha256').update(clientKey).digest();
    const clientSignature = hmac(storedKey, exchange);
    const proof = clientKey.map((byte, index) => byte ^ clientSignature.readUInt8(index));
    this.#serverSignature = hmac(hmac(salted, 'Server Key'), exchange);
    return `${withoutProof},p=${Buffer.from(proof).toString('base64')}`;
  }

  /**
   * Checks the server's proof that it knows the password.
   *
   * @param serverFinal `v=<signature>`, or `e=<error>`
   * @throws {ReplicationError} `SERVER_NOT_AUTHENTIC` when the signature is wrong, `AUTHENTICATION_FAILED` for `e=`.
   */
  verify(serverFinal: string): void {
    const expected = this.#serverSignature;
    if (expected === undefined) {
      throw new ProtocolError('The server ended the SCRAM exchange early; expected a challenge before its signature');
    }
    const [first = ''] = serverFinal.split(',');
    if (first.startsWith('e=')) {
      throw new ReplicationError('AUTHENTICATION_FAILED', `The server ended the SCRAM exchange: ${first.slice(2)}`);
    }
    if (!first.startsWith('v=')) {
      throw new ProtocolError('SCRAM server-final-message: expected v= and a signature, or e= and an error');
    }
    const text = first.slice(2);
    const signature = Buffer.from(text, 'base64');
    // Buffer.from() passes over what is no base64, so the text is checked by itself.
    if (!BASE64.test(text) || signature.length !== expected.length || !timingSafeEqual(signature, expected)) {
      throw new ReplicationError('SERVER_NOT_AUTHENTIC', "The server's SCRAM signature is wrong");
    }
    this.#verified = true;
  }
}

function parseServerFirst(text: string): { nonce: string; salt: Buffer; iterations: number } {
  const [r = '', s = '', i = ''] = text.split(',');
  // The order is fixed; a mandatory extension (m=) would stand first, and is to be refused.
  if (!r.startsWith('r=') || !s.startsWith('s=') || !i.startsWith('i=')) {
    throw new ProtocolError('SCRAM server-first-message: expected r= and a nonce, s= and a salt, i= and a number');
  }
  const salt = s.slice(2);
  if (salt === '' || !BASE64.test(salt)) throw new ProtocolError('SCRAM server-first-message: the salt is no base64');
  const count = i.slice(2);
  const iterations = /^[1-9][0-9]{0,15}$/.test(count) ? Number(count) : NaN;
  if (!(iterations <= MOST_ITERATIONS)) {
    throw new ProtocolError(
      `SCRAM server-first-message: ${JSON.stringify(count)} iterations; expected between 1 and ${MOST_ITERATIONS}`,
    );
  }
  return { nonce: r.slice(2), salt: Buffer.from(salt, 'base64'), iterations };
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
