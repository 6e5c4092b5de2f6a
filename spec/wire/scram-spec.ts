import { inspect } from 'node:util';
import { ProtocolError } from '../../lib/common/errors';
import type { ScramBinding } from '../../lib/wire/channel-binding';
import { ScramClient } from '../../lib/wire/scram';
import { captureError } from '../support/capture-error';

/**
 * The example of RFC 7677, section 3, without the user's name, which PostgreSQL ignores. The proof and the signature were
 * calculated in Python, with code that reproduces the RFC's values for `n=user`.
 */
const RFC = {
  password: 'pencil',
  nonce: 'rOprNGfwEbeRWgbNEkqO',
  first: 'n,,n=,r=rOprNGfwEbeRWgbNEkqO',
  serverNonce: 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  salt: 'W22ZaJ0SNY7soEsUEjb6gQ==',
  proof: 'qvT2SWdEH5Q06albL+hjSYuUhCG7VndFyzIb7CK4n9k=',
  signature: '3HO6Qt1M4MKJrmlKaoOqLAI0/0TV0HZe7J9H3MBtSOg=',
};
const SERVER_FIRST = `r=${RFC.serverNonce},s=${RFC.salt},i=4096`;

const UNBOUND: ScramBinding = { mechanism: 'SCRAM-SHA-256', header: 'n,,', data: Buffer.alloc(0) };

function client(): ScramClient {
  const { password, nonce } = RFC;
  const scram = new ScramClient({ password, nonce, binding: UNBOUND });
  scram.getInitialResponse();
  return scram;
}

function answered(): ScramClient {
  const scram = client();
  scram.respond(SERVER_FIRST);
  return scram;
}

describe('ScramClient', () => {
  it("performs the exchange of RFC 7677, without the user's name", () => {
    const scram = client();
    expect(scram.mechanism).toBe('SCRAM-SHA-256');
    expect(scram.getInitialResponse()).toBe(RFC.first);
    expect(scram.respond(SERVER_FIRST)).toBe(`c=biws,r=${RFC.serverNonce},p=${RFC.proof}`);
    expect(scram.verified).toBe(false);
    scram.verify(`v=${RFC.signature}`);
    expect(scram.verified).toBe(true);
  });

  it('uses a new nonce for each exchange, without a comma', () => {
    const nonces = Array.from({ length: 50 }, () =>
      new ScramClient({ password: 'x', binding: UNBOUND }).getInitialResponse(),
    );
    expect(new Set(nonces).size).toBe(50);
    for (const first of nonces) expect(first).toMatch(/^n,,n=,r=[A-Za-z0-9+/]{24}$/);
  });

  it('prepares the password: a soft hyphen and a full-width letter have no effect', () => {
    const scram = new ScramClient({ nonce: RFC.nonce, password: 'p\u00aden\uff43il', binding: UNBOUND });
    scram.getInitialResponse();
    expect(scram.respond(SERVER_FIRST)).toContain(`p=${RFC.proof}`);
  });

  it.each([
    ['unrelated to the client nonce', 'r=somebodyElse,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'],
    ['the client nonce, not extended', `r=${RFC.nonce},s=${RFC.salt},i=4096`],
    ['a truncated client nonce, extended', `r=rOprNGfwEbeRWgbNEkq%hvYDp,s=${RFC.salt},i=4096`],
  ])('rejects a nonce that is %s', (_, serverFirst) => {
    expect(captureError(() => client().respond(serverFirst)).code).toBe('SERVER_VERIFICATION_FAILED');
  });

  it.each(['0', '-1', '1.5', '1e3', '', '0x10', ' 4096', '04096', '1000001', '99999999999999999999'])(
    'rejects %j iterations',
    (count) => {
      const scram = client();
      expect(() => scram.respond(`r=${RFC.serverNonce},s=${RFC.salt},i=${count}`)).toThrow(ProtocolError);
      expect(() => scram.respond(`r=${RFC.serverNonce},s=${RFC.salt},i=${count}`)).toThrow('iterations');
    },
  );

  it('accepts a single iteration', () => {
    expect(client().respond(`r=${RFC.serverNonce},s=${RFC.salt},i=1`)).toMatch(/^c=biws,r=.*,p=[A-Za-z0-9+/]{43}=$/);
  });

  it('accepts a million', () => {
    expect(client().respond(`r=${RFC.serverNonce},s=${RFC.salt},i=1000000`)).toContain(',p=');
  });

  it.each([
    ['empty', ''],
    ['too long', `${RFC.nonce}${'x'.repeat(1024)}`],
    ['with a space', `${RFC.nonce} x`],
    ['with a control character', `${RFC.nonce}x\x7f`],
    ['with a character that is not ASCII', `${RFC.nonce}é`],
  ])('rejects a nonce that is %s', (_, nonce) => {
    expect(() => client().respond(`r=${nonce},s=${RFC.salt},i=4096`)).toThrow(ProtocolError);
  });

  it('accepts the longest nonce and salt', () => {
    const nonce = RFC.nonce + 'x'.repeat(1024 - RFC.nonce.length);
    expect(client().respond(`r=${nonce},s=${'A'.repeat(1024)},i=1`)).toContain(`r=${nonce},p=`);
    expect(() => client().respond(`r=${nonce},s=${'A'.repeat(1028)},i=1`)).toThrow('salt');
  });

  it.each(['', 'W22Z*', 'W22', 'W22ZaJ0SNY7soEsUEjb6gQ=', 'W22Z W22Z'])('rejects the salt %j', (salt) => {
    expect(() => client().respond(`r=${RFC.serverNonce},s=${salt},i=4096`)).toThrow('salt');
  });

  it.each([
    '',
    'e=other-error',
    `s=${RFC.salt},r=${RFC.serverNonce},i=4096`,
    `m=x,${SERVER_FIRST}`,
    `r=${RFC.serverNonce}`,
  ])('rejects the malformed challenge %j', (serverFirst) => {
    expect(() => client().respond(serverFirst)).toThrow(ProtocolError);
  });

  it('rejects a second challenge', () => {
    const scram = answered();
    expect(() => scram.respond(SERVER_FIRST)).toThrow(ProtocolError);
  });

  it.each([
    ['changed in its first bit', `v=X${RFC.signature.slice(1)}`],
    ['changed in its last byte', `v=${RFC.signature.slice(0, -2)}k=`],
    ['truncated', `v=${RFC.signature.slice(0, 40)}`],
    ['empty', 'v='],
    ['followed by a character that is not base64', `v=${RFC.signature}*`],
    ['the proof sent back', `v=${RFC.proof}`],
  ])('rejects a signature that is %s', (_, serverFinal) => {
    const scram = answered();
    expect(captureError(() => scram.verify(serverFinal)).code).toBe('SERVER_VERIFICATION_FAILED');
    expect(scram.verified).toBe(false);
  });

  it("passes the server's own error on", () => {
    const scram = answered();
    const error = captureError(() => scram.verify('e=invalid-proof'));
    expect(error.code).toBe('AUTHENTICATION_FAILED');
    expect(error.message).toContain('invalid-proof');
  });

  it('escapes control characters in it', () => {
    const scram = answered();
    expect(captureError(() => scram.verify('e=\x1b[2J')).message).toContain('"\\u001b[2J"');
  });

  it("accepts AuthenticationOk only after the server's signature", () => {
    const scram = answered();
    for (const unproven of [client(), scram]) {
      expect(captureError(() => unproven.accept()).code).toBe('SERVER_VERIFICATION_FAILED');
    }
    scram.verify(`v=${RFC.signature}`);
    expect(() => scram.accept()).not.toThrow();
  });

  it('includes the given channel binding in the proof', () => {
    const binding: ScramBinding = {
      mechanism: 'SCRAM-SHA-256-PLUS',
      header: 'p=tls-server-end-point,,',
      data: Buffer.from([0xfb, 0xff, 0]),
    };
    const scram = new ScramClient({ password: RFC.password, nonce: RFC.nonce, binding });
    expect(scram.mechanism).toBe('SCRAM-SHA-256-PLUS');
    expect(scram.getInitialResponse()).toBe(`p=tls-server-end-point,,n=,r=${RFC.nonce}`);
    const c = Buffer.concat([Buffer.from(binding.header), binding.data]).toString('base64');
    const sent = scram.respond(SERVER_FIRST);
    expect(sent.startsWith(`c=${c},r=${RFC.serverNonce},p=`)).toBe(true);
    expect(sent).not.toContain(RFC.proof);
    expect(captureError(() => scram.verify(`v=${RFC.signature}`)).code).toBe('SERVER_VERIFICATION_FAILED');
  });

  it('rejects an end without a signature, and one before the challenge', () => {
    const scram = answered();
    expect(() => scram.verify('x=1')).toThrow(ProtocolError);
    expect(() => client().verify(`v=${RFC.signature}`)).toThrow(ProtocolError);
  });

  it('does not show the password', () => {
    expect(inspect(client(), { showHidden: true, depth: 9 })).not.toContain(RFC.password);
  });
});
