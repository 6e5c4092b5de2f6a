import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { ProtocolError } from '../../lib/common/errors';
import type { BackendMessage } from '../../lib/wire/backend';
import { Answering, initialOf, sasl } from './support/answering';
import { captureError } from '../support/capture-error';
import { ScramServer } from './support/scram-server';

const OK: BackendMessage = { kind: 'authenticationOk' };
const CLEARTEXT: BackendMessage = { kind: 'authenticationCleartext' };
const MD5: BackendMessage = { kind: 'authenticationMd5', salt: Buffer.from([1, 2, 3, 4]) };
const SASL = sasl('SCRAM-SHA-256');
const OAUTH = sasl('OAUTHBEARER');
const PASSWORD = 'correct horse';

function client(password = PASSWORD): Answering {
  return new Answering({ password });
}

describe('Authenticator', () => {
  it('sends and requests nothing with trust authentication', () => {
    const trusted = client();
    expect(trusted.authenticator.done).toBe(false);
    expect(trusted.respond(OK)).toBeUndefined();
    expect(trusted.asked).toEqual([]);
    expect(trusted.authenticator.done).toBe(true);
  });

  it('sends the password in clear text when requested', () => {
    const zoe = client();
    expect(zoe.respond(CLEARTEXT)?.toString('latin1')).toBe('p\0\0\0\x12correct horse\0');
    expect(zoe.asked).toEqual(['password']);
    expect(zoe.authenticator.done).toBe(false);
    expect(zoe.respond(OK)).toBeUndefined();
    expect(zoe.authenticator.done).toBe(true);
  });

  it('responds to md5 with the salted hash of the hash', () => {
    // printf 'correct horsezoë' | md5sum; then the result and the salt
    const inner = createHash('md5').update('correct horsezoë', 'utf8').digest('hex');
    const outer = createHash('md5').update(`${inner}\x01\x02\x03\x04`, 'latin1').digest('hex');
    const zoe = client();
    expect(zoe.respond(MD5)?.toString('latin1')).toBe(`p\0\0\0\x28md5${outer}\0`);
    expect(zoe.respond(OK)).toBeUndefined();
  });

  it('performs SCRAM-SHA-256', () => {
    const zoe = client();
    const server = new ScramServer(PASSWORD);
    const initial = zoe.sent(SASL);
    expect(initialOf(initial)).toEqual({
      mechanism: 'SCRAM-SHA-256',
      data: expect.stringMatching(/^n,,n=,r=.{24}$/) as string,
    });
    expect(zoe.respond(server.conclude(zoe.sent(server.challenge(initial))))).toBeUndefined();
    expect(zoe.authenticator.done).toBe(false);
    expect(zoe.respond(OK)).toBeUndefined();
    expect([zoe.authenticator.done, zoe.asked]).toEqual([true, ['password']]);
  });

  describe('rejects AuthenticationOk', () => {
    const unproven = { code: 'SERVER_VERIFICATION_FAILED', retryable: false };

    it('directly after the first SCRAM message', () => {
      const zoe = client();
      zoe.respond(SASL);
      expect(captureError(() => zoe.respond(OK))).toMatchObject(unproven);
      expect(zoe.authenticator.done).toBe(false);
    });

    it("after the proof, without the server's signature", () => {
      const zoe = client();
      zoe.respond(new ScramServer(PASSWORD).challenge(zoe.sent(SASL)));
      expect(captureError(() => zoe.respond(OK))).toMatchObject(unproven);
      expect(zoe.authenticator.done).toBe(false);
    });

    it('after an invalid signature', () => {
      const zoe = client();
      zoe.respond(new ScramServer(PASSWORD).challenge(zoe.sent(SASL)));
      const data = `v=${Buffer.alloc(32).toString('base64')}`;
      expect(captureError(() => zoe.respond({ kind: 'authenticationSaslFinal', data }))).toMatchObject(unproven);
      expect(captureError(() => zoe.respond(OK))).toMatchObject(unproven);
      expect(zoe.authenticator.done).toBe(false);
    });

    it('after mechanisms were offered, without a response', () => {
      const zoe = client('');
      expect(captureError(() => zoe.respond(SASL)).code).toBe('AUTHENTICATION_FAILED');
      expect(() => zoe.respond(OK)).toThrow(ProtocolError);
      expect(zoe.authenticator.done).toBe(false);
    });
  });

  it.each([{}, { password: '' }])('reports a missing password with %j', (secrets) => {
    for (const message of [CLEARTEXT, MD5, SASL]) {
      const zoe = new Answering(secrets);
      const error = captureError(() => zoe.respond(message));
      expect(error.code).toBe('AUTHENTICATION_FAILED');
      expect(error.message).toContain('The server requires a password, but none is set');
      expect(error.remedy).toContain('connection.password');
      expect(zoe.asked).toEqual(['password']);
    }
  });

  it.each<[string, BackendMessage]>([
    ['Kerberos V5', { kind: 'authenticationOther', method: 2 }],
    ['SCM credentials', { kind: 'authenticationOther', method: 6 }],
    ['GSSAPI', { kind: 'authenticationOther', method: 7 }],
    ['GSSAPI', { kind: 'authenticationOther', method: 8 }],
    ['SSPI', { kind: 'authenticationOther', method: 9 }],
    ['number 99', { kind: 'authenticationOther', method: 99 }],
    ['SASL with PLAIN, OTHER', sasl('PLAIN', 'OTHER')],
    ['SASL with no mechanism', sasl()],
  ])('rejects %s by name', (name, message) => {
    const zoe = client();
    const error = captureError(() => zoe.respond(message));
    expect(error.code).toBe('AUTHENTICATION_UNSUPPORTED');
    expect(error.message).toContain(`The server requests authentication by ${name}.`);
    expect(zoe.asked).toEqual([]);
  });

  it.each([CLEARTEXT, MD5, SASL, OAUTH])('responds once, and not to a weaker method after SCRAM: %j', (second) => {
    for (const first of [CLEARTEXT, MD5, SASL]) {
      const zoe = new Answering({ password: PASSWORD, oauthToken: 'token' });
      zoe.respond(first);
      expect(() => zoe.respond(second)).toThrow(ProtocolError);
      expect(zoe.asked).toEqual(['password']);
    }
  });

  it('does not send the password after AuthenticationOk', () => {
    const zoe = client();
    zoe.respond(OK);
    expect(() => zoe.respond(CLEARTEXT)).toThrow(ProtocolError);
    expect(zoe.asked).toEqual([]);
  });

  it('rejects further messages after AuthenticationOk', () => {
    const token = new Answering({ oauthToken: 'token' });
    for (const message of [OAUTH, OK]) token.respond(message);
    for (const message of [OK, OAUTH, CLEARTEXT]) expect(() => token.respond(message)).toThrow(ProtocolError);
    const more: BackendMessage = { kind: 'authenticationSaslContinue', data: '{}' };
    expect(() => token.respond(more)).toThrow(ProtocolError);
    expect([token.authenticator.done, token.asked]).toEqual([true, ['oauthToken']]);
  });

  it.each<BackendMessage>([
    { kind: 'authenticationSaslContinue', data: 'r=,s=,i=' },
    { kind: 'authenticationSaslFinal', data: 'v=' },
    { kind: 'readyForQuery', status: 'I' },
  ])('rejects an unexpected message: %j', (message) => {
    expect(() => client().respond(message)).toThrow(ProtocolError);
  });

  it('rejects messages while it waits for a secret', () => {
    const response = client().authenticator.respond(CLEARTEXT);
    expect(response.next()).toEqual({ done: false, value: { ask: 'password' } });
    expect(() => response.next(OK)).toThrow(ProtocolError);
  });

  it('does not change an error that is already complete', () => {
    const zoe = client();
    zoe.respond(SASL);
    const error = new ProtocolError('Something');
    expect(zoe.authenticator.explain(error)).toBe(error);
  });

  it('never shows the password, in any state or error', () => {
    const shown: unknown[] = [];
    const zoe = client();
    const look = (value: unknown): void => {
      shown.push(inspect(value, { showHidden: true, depth: 9 }), JSON.stringify(value));
    };
    look(zoe.authenticator);
    const waiting = client().authenticator.respond(CLEARTEXT);
    waiting.next();
    look(waiting);
    const initial = zoe.sent(SASL);
    look(zoe.authenticator);
    for (const run of [
      () => zoe.respond(CLEARTEXT),
      () => zoe.respond({ kind: 'authenticationSaslContinue', data: 'r=x,s=y,i=z' }),
      () => client(`${PASSWORD}\0`).respond(CLEARTEXT),
    ]) {
      look(captureError(run));
    }
    expect(initial.includes(PASSWORD)).toBe(false);
    expect(shown.join('\n')).not.toMatch(/correct horse(?! = )/);
  });
});
