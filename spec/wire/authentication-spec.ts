import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { inspect } from 'node:util';
import { ProtocolError } from '../../lib/errors';
import { Authenticator } from '../../lib/wire/authentication';
import type { BackendMessage } from '../../lib/wire/backend';
import { failure } from './failure';

const OK: BackendMessage = { kind: 'authenticationOk' };
const CLEARTEXT: BackendMessage = { kind: 'authenticationCleartext' };
const MD5: BackendMessage = { kind: 'authenticationMd5', salt: Buffer.from([1, 2, 3, 4]) };
const SASL: BackendMessage = { kind: 'authenticationSasl', mechanisms: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'] };
const PASSWORD = 'correct horse';

function authenticator(password: string | undefined = PASSWORD): Authenticator {
  return new Authenticator({ user: 'zoë', password });
}

/** The server's half of SCRAM, written from the RFC apart from the client's. */
class ScramServer {
  #bare = '';
  #first = '';

  challenge(initial: Buffer): BackendMessage {
    const [, bare = ''] = /n,,(.*)$/.exec(initial.toString()) ?? [];
    this.#bare = bare;
    this.#first = `${bare.slice(bare.indexOf('r='))}SERVER,s=c2FsdA==,i=4`;
    return { kind: 'authenticationSaslContinue', data: this.#first };
  }

  /** Checks the proof as a server does, with the stored key alone, and signs. */
  conclude(response: Buffer, password: string): BackendMessage {
    const [, withoutProof = '', proof = ''] = /^p....(c=biws,r=[^,]*),p=(.*)$/s.exec(response.toString('latin1')) ?? [];
    const exchange = `${this.#bare},${this.#first},${withoutProof}`;
    const salted = pbkdf2Sync(password, 'salt', 4, 32, 'sha256');
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

function sent(bytes: Buffer | undefined): Buffer {
  if (bytes === undefined) throw new Error('nothing was sent');
  return bytes;
}

describe('Authenticator', () => {
  it('sends nothing when it is trusted', () => {
    expect(authenticator(undefined).respond(OK)).toBeUndefined();
  });

  it('sends the password in clear when asked to', () => {
    const client = authenticator();
    expect(client.respond(CLEARTEXT)?.toString('latin1')).toBe('p\0\0\0\x12correct horse\0');
    expect(client.respond(OK)).toBeUndefined();
  });

  it('answers md5 with the salted hash of the hash', () => {
    // printf 'correct horsezoë' | md5sum; then that and the salt
    const inner = createHash('md5').update('correct horsezoë', 'utf8').digest('hex');
    const outer = createHash('md5').update(`${inner}\x01\x02\x03\x04`, 'latin1').digest('hex');
    const client = authenticator();
    expect(client.respond(MD5)?.toString('latin1')).toBe(`p\0\0\0\x28md5${outer}\0`);
    expect(client.respond(OK)).toBeUndefined();
  });

  it('goes through SCRAM-SHA-256', () => {
    const client = authenticator();
    const server = new ScramServer();
    const initial = sent(client.respond(SASL));
    expect(initial.toString('latin1')).toMatch(/^p\0\0\0.SCRAM-SHA-256\0\0\0\0\x20n,,n=,r=.{24}$/s);
    const response = sent(client.respond(server.challenge(initial)));
    expect(client.respond(server.conclude(response, PASSWORD))).toBeUndefined();
    expect(client.respond(OK)).toBeUndefined();
  });

  describe('does not believe a server that lets us in', () => {
    const unproven = { code: 'SERVER_NOT_AUTHENTIC', retryable: false };

    it('right after the first SCRAM message', () => {
      const client = authenticator();
      client.respond(SASL);
      expect(failure(() => client.respond(OK))).toMatchObject(unproven);
    });

    it('after the proof, without its signature', () => {
      const client = authenticator();
      client.respond(new ScramServer().challenge(sent(client.respond(SASL))));
      expect(failure(() => client.respond(OK))).toMatchObject(unproven);
    });

    it('after a wrong signature', () => {
      const client = authenticator();
      client.respond(new ScramServer().challenge(sent(client.respond(SASL))));
      const final: BackendMessage = {
        kind: 'authenticationSaslFinal',
        data: `v=${Buffer.alloc(32).toString('base64')}`,
      };
      expect(failure(() => client.respond(final))).toMatchObject(unproven);
      expect(failure(() => client.respond(OK))).toMatchObject(unproven);
    });
  });

  it.each([undefined, ''])('says that a password is missing when it is %j', (password) => {
    for (const message of [CLEARTEXT, MD5, SASL]) {
      const error = failure(() => new Authenticator({ user: 'zoë', password }).respond(message));
      expect(error.code).toBe('AUTHENTICATION_FAILED');
      expect(error.message).toContain('The server asks for a password and none was given');
      expect(error.remedy).toContain('connection.password');
    }
  });

  it.each<[string, BackendMessage]>([
    ['Kerberos V5', { kind: 'authenticationOther', method: 2 }],
    ['SCM credentials', { kind: 'authenticationOther', method: 6 }],
    ['GSSAPI', { kind: 'authenticationOther', method: 7 }],
    ['GSSAPI', { kind: 'authenticationOther', method: 8 }],
    ['SSPI', { kind: 'authenticationOther', method: 9 }],
    ['number 99', { kind: 'authenticationOther', method: 99 }],
    ['SASL with SCRAM-SHA-256-PLUS', { kind: 'authenticationSasl', mechanisms: ['SCRAM-SHA-256-PLUS'] }],
    ['SASL with OAUTHBEARER, OTHER', { kind: 'authenticationSasl', mechanisms: ['OAUTHBEARER', 'OTHER'] }],
    ['SASL with no mechanism', { kind: 'authenticationSasl', mechanisms: [] }],
  ])('refuses %s by name', (name, message) => {
    const error = failure(() => authenticator().respond(message));
    expect(error.code).toBe('AUTHENTICATION_UNSUPPORTED');
    expect(error.message).toContain(`The server asks for authentication by ${name}.`);
  });

  it.each([CLEARTEXT, MD5, SASL])('gives one answer only, and no weaker one after SCRAM: %j', (second) => {
    for (const first of [CLEARTEXT, MD5, SASL]) {
      const client = authenticator();
      client.respond(first);
      expect(() => client.respond(second)).toThrow(ProtocolError);
    }
  });

  it('gives the password to nobody after it was let in', () => {
    const client = authenticator();
    client.respond(OK);
    expect(() => client.respond(CLEARTEXT)).toThrow(ProtocolError);
  });

  it.each<BackendMessage>([
    { kind: 'authenticationSaslContinue', data: 'r=,s=,i=' },
    { kind: 'authenticationSaslFinal', data: 'v=' },
    { kind: 'readyForQuery', status: 'I' },
  ])('refuses a message out of turn: %j', (message) => {
    expect(() => authenticator().respond(message)).toThrow(ProtocolError);
  });

  it('never shows the password, in whatever state or error', () => {
    const shown: unknown[] = [];
    const client = authenticator();
    shown.push(inspect(client, { showHidden: true, depth: 9 }), JSON.stringify(client));
    const initial = sent(client.respond(SASL));
    shown.push(inspect(client, { showHidden: true, depth: 9 }));
    for (const run of [
      () => client.respond(CLEARTEXT),
      () => client.respond({ kind: 'authenticationSaslContinue', data: 'r=x,s=y,i=z' }),
      () => authenticator(`${PASSWORD}\0`).respond(CLEARTEXT),
    ]) {
      shown.push(inspect(failure(run), { showHidden: true, depth: 9 }));
    }
    expect(initial.includes(PASSWORD)).toBe(false);
    expect(shown.join('\n')).not.toMatch(/correct horse(?! = )/);
  });
});
