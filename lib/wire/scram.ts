import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';
import { ProtocolError, ReplicationError } from '../common/errors';
import type { ScramBinding } from './channel-binding';
import { quoteForMessage } from './message-quoting';
import type { SaslExchange } from './sasl-exchange';
import { saslPrep } from './saslprep';

/**
 * PostgreSQL's default is 4096, its maximum 2147483647 (scram_iterations). Hashing blocks the event loop, for about a quarter of
 * a second per million iterations, so a hostile server must not be able to require more.
 */
const MAX_ITERATIONS = 1_000_000;
/** In characters. PostgreSQL's salt has 24 characters, and its nonce 24 after the client's. */
const MAX_SALT_LENGTH = 1024;
const MAX_NONCE_LENGTH = 1024;
/** RFC 5802, section 7: printable ASCII except the comma. */
const NONCE = /^[!-+\--~]+$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export interface ScramOptions {
  readonly password: string;
  readonly binding: ScramBinding;
  /** For tests only. */
  readonly nonce?: string;
}

/**
 * The client side of a SCRAM-SHA-256 or SCRAM-SHA-256-PLUS exchange. Call `getInitialResponse`, `respond`, `verify` and `accept`, in this order.
 *
 * Source: RFC 5802 and RFC 7677.
 */
export class ScramClient implements SaslExchange {
  readonly mechanism: string;
  readonly #binding: ScramBinding;
  readonly #firstBare: string;
  readonly #nonce: string;
  #password: string | undefined;
  #serverSignature: Buffer | undefined;
  #verified = false;

  constructor({ password, binding, nonce = randomBytes(18).toString('base64') }: ScramOptions) {
    this.mechanism = binding.mechanism;
    this.#binding = binding;
    this.#nonce = nonce;
    // The user name is empty: PostgreSQL uses the name of the StartupMessage.
    this.#firstBare = `n=,r=${nonce}`;
    this.#password = password;
  }

  /** Whether the server has proved that it knows the password. */
  get verified(): boolean {
    return this.#verified;
  }

  /** Returns the client-first-message. */
  getInitialResponse(): string {
    return this.#binding.header + this.#firstBare;
  }

  /**
   * Returns the client-final-message.
   *
   * @param serverFirst `r=<nonce>,s=<salt>,i=<iterations>`
   * @throws {ProtocolError} if it is malformed, or its number of iterations exceeds the limit.
   * @throws {ReplicationError} `SERVER_VERIFICATION_FAILED` if its nonce does not begin with the client's nonce.
   */
  respond(serverFirst: string): string {
    const password = this.#password;
    if (password === undefined) throw new ProtocolError('The server sent a second SCRAM challenge; expected one');
    const { nonce, salt, iterations } = parseServerFirst(serverFirst);
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length) {
      throw new ReplicationError(
        'SERVER_VERIFICATION_FAILED',
        "The nonce in the SCRAM challenge does not begin with the client's nonce",
      );
    }
    this.#password = undefined;

    const { header, data } = this.#binding;
    const withoutProof = `c=${Buffer.concat([Buffer.from(header), data]).toString('base64')},r=${nonce}`;
    const exchange = `${this.#firstBare},${serverFirst},${withoutProof}`;
    const salted = pbkdf2Sync(saslPrep(password), salt, iterations, 32, 'sha256');
    const clientKey = computeHmac(salted, 'Client Key');
    const storedKey = createHash('sha256').update(clientKey).digest();
    const clientSignature = computeHmac(storedKey, exchange);
    const proof = clientKey.map((byte, index) => byte ^ clientSignature.readUInt8(index));
    this.#serverSignature = computeHmac(computeHmac(salted, 'Server Key'), exchange);
    return `${withoutProof},p=${Buffer.from(proof).toString('base64')}`;
  }

  /**
   * Checks the server's proof that it knows the password.
   *
   * @param serverFinal `v=<signature>`, or `e=<error>`
   * @throws {ReplicationError} `SERVER_VERIFICATION_FAILED` if the signature is wrong, `AUTHENTICATION_FAILED` for `e=`.
   */
  verify(serverFinal: string): void {
    const expected = this.#serverSignature;
    if (expected === undefined) {
      throw new ProtocolError('The server sent a SCRAM signature before a challenge');
    }
    const [first = ''] = serverFinal.split(',');
    if (first.startsWith('e=')) {
      throw new ReplicationError(
        'AUTHENTICATION_FAILED',
        `The server rejected the SCRAM exchange: ${quoteForMessage(first.slice(2))}`,
      );
    }
    if (!first.startsWith('v=')) {
      throw new ProtocolError('SCRAM server-final-message: expected v= and a signature, or e= and an error');
    }
    const text = first.slice(2);
    const signature = Buffer.from(text, 'base64');
    // Buffer.from() ignores characters that are not base64, so the text is checked separately.
    if (!BASE64.test(text) || signature.length !== expected.length || !timingSafeEqual(signature, expected)) {
      throw new ReplicationError('SERVER_VERIFICATION_FAILED', "The server's SCRAM signature is wrong");
    }
    this.#verified = true;
  }

  /** @throws {ReplicationError} `SERVER_VERIFICATION_FAILED` unless the server has proved that it knows the password. */
  accept(): void {
    if (!this.#verified) {
      throw new ReplicationError(
        'SERVER_VERIFICATION_FAILED',
        'The server sent AuthenticationOk before its SCRAM signature',
      );
    }
  }
}

function parseServerFirst(text: string): { nonce: string; salt: Buffer; iterations: number } {
  const [r = '', s = '', i = ''] = text.split(',');
  // The order is fixed. A mandatory extension (m=) would be first, and is rejected.
  if (!r.startsWith('r=') || !s.startsWith('s=') || !i.startsWith('i=')) {
    throw new ProtocolError('SCRAM server-first-message: expected r= and a nonce, s= and a salt, i= and a number');
  }
  const nonce = r.slice(2);
  if (nonce.length > MAX_NONCE_LENGTH || !NONCE.test(nonce)) {
    throw new ProtocolError(
      `SCRAM server-first-message: the nonce has ${nonce.length} characters; expected 1 to ${MAX_NONCE_LENGTH} printable characters`,
    );
  }
  const salt = s.slice(2);
  if (salt === '' || salt.length > MAX_SALT_LENGTH || !BASE64.test(salt)) {
    throw new ProtocolError(
      `SCRAM server-first-message: the salt has ${salt.length} characters; expected 1 to ${MAX_SALT_LENGTH} characters of base64`,
    );
  }
  const count = i.slice(2);
  const iterations = /^[1-9][0-9]{0,15}$/.test(count) ? Number(count) : NaN;
  if (!(iterations <= MAX_ITERATIONS)) {
    throw new ProtocolError(
      `SCRAM server-first-message: ${quoteForMessage(count)} iterations; expected 1 to ${MAX_ITERATIONS}`,
    );
  }
  return { nonce, salt: Buffer.from(salt, 'base64'), iterations };
}

function computeHmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
