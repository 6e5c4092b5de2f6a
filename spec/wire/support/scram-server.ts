import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import type { BackendMessage } from '../../../lib/wire/backend';
import { initialOf } from './answering';

/** The server's side of SCRAM, written from the RFC independently of the client's. */
export class ScramServer {
  readonly #password: string;
  /** The certificate hash to bind to. */
  readonly #data: Buffer;
  #header = '';
  #bare = '';
  #first = '';

  constructor(password: string, data: Buffer = Buffer.alloc(0)) {
    this.#password = password;
    this.#data = data;
  }

  challenge(initial: Buffer): BackendMessage {
    const [, header = '', bare = ''] = /^(.*,,)(n=.*)$/.exec(initialOf(initial).data) ?? [];
    this.#header = header;
    this.#bare = bare;
    this.#first = `${bare.slice(bare.indexOf('r='))}SERVER,s=c2FsdA==,i=4`;
    return { kind: 'authenticationSaslContinue', data: this.#first };
  }

  /** Verifies binding and proof as a server does, with only the stored key, and signs. */
  conclude(response: Buffer): BackendMessage {
    const [, withoutProof = '', binding = '', proof = ''] =
      /^p....(c=([^,]*),r=[^,]*),p=(.*)$/s.exec(response.toString('latin1')) ?? [];
    expect(Buffer.from(binding, 'base64')).toEqual(Buffer.concat([Buffer.from(this.#header), this.#data]));
    const exchange = `${this.#bare},${this.#first},${withoutProof}`;
    const salted = pbkdf2Sync(this.#password, 'salt', 4, 32, 'sha256');
    const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
    const hash = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();
    const stored = hash(hmac(salted, 'Client Key'));
    const mask = hmac(stored, exchange);
    const clientKey = Buffer.from(Buffer.from(proof, 'base64').map((byte, index) => byte ^ (mask[index] ?? 0)));
    expect(hash(clientKey)).toEqual(stored);
    return {
      kind: 'authenticationSaslFinal',
      data: `v=${hmac(hmac(salted, 'Server Key'), exchange).toString('base64')}`,
    };
  }
}
