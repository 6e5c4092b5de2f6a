import { inspect } from 'node:util';
import { ConfigError, ProtocolError, ServerError } from '../../lib/common/errors';
import type { BackendMessage } from '../../lib/wire/backend';
import { Answering, initialOf, sasl } from './support/answering';
import { captureError } from '../support/capture-error';

const TOKEN = 'mF_9.B5f-4.1JqM~+/==';
const OFFER = sasl('OAUTHBEARER');
const OK: BackendMessage = { kind: 'authenticationOk' };
const REFUSED = new ServerError('HBA_REFUSED', {
  severity: 'FATAL',
  sqlState: '28000',
  message: 'OAuth bearer authentication failed for user "zoë"',
});

/** The server's response to an invalid token. */
function refusal(said: unknown): BackendMessage {
  return { kind: 'authenticationSaslContinue', data: typeof said === 'string' ? said : JSON.stringify(said) };
}

/** The remedy of the resulting error. */
function remedyAfter(said: unknown): string {
  const zoe = new Answering({ oauthToken: TOKEN });
  zoe.respond(OFFER);
  expect(zoe.respond(refusal(said))?.toString('latin1')).toBe('p\0\0\0\x05\x01');
  const error = zoe.authenticator.explain(REFUSED);
  expect(error).toBeInstanceOf(ServerError);
  expect(error).toMatchObject({ code: 'AUTHENTICATION_FAILED', retryable: false, sqlState: '28000' });
  expect(error.message).toContain('OAuth bearer authentication failed');
  return error.remedy;
}

describe('OAUTHBEARER', () => {
  it('sends the token, and completes with AuthenticationOk', () => {
    const zoe = new Answering({ oauthToken: TOKEN, password: 'unused' });
    expect(initialOf(zoe.sent(OFFER))).toEqual({
      mechanism: 'OAUTHBEARER',
      data: `n,,\x01auth=Bearer ${TOKEN}\x01\x01`,
    });
    expect(zoe.respond(OK)).toBeUndefined();
    expect([zoe.authenticator.done, zoe.asked]).toEqual([true, ['oauthToken']]);
    expect(zoe.authenticator.explain(REFUSED)).toBe(REFUSED);
  });

  it.each([{}, { oauthToken: '' }, { password: 'correct horse' }])('reports a missing token with %j', (secrets) => {
    const error = captureError(() => new Answering(secrets).respond(OFFER));
    expect(error.code).toBe('AUTHENTICATION_FAILED');
    expect(error.message).toContain('The server requires an OAuth token, but none is set');
    expect(error.remedy).toContain('connection.oauthToken');
  });

  it.each(['Bearer s3cret', 'a\x01b', 'a\0b', 'a\nb', 'a,b', 'tökén', '=', 'a=b', ' a', 'a ', 'a\n'])(
    'rejects %j as a token without showing it',
    (oauthToken) => {
      const error = captureError(() => new Answering({ oauthToken }).respond(OFFER));
      expect(error).toBeInstanceOf(ConfigError);
      expect(error).toHaveProperty('option', 'connection.oauthToken');
      expect(inspect(error, { showHidden: true })).not.toMatch(/s3cret|tökén/);
    },
  );

  it('responds to a refusal with one byte, and reports the refusal in the error', () => {
    const remedy = remedyAfter({
      status: 'invalid_token',
      'openid-configuration': 'https://issuer.example/.well-known/openid-configuration',
      scope: 'openid replication',
    });
    expect(remedy).toContain('status "invalid_token", scope "openid replication"');
    expect(remedy).toContain('openid-configuration "https://issuer.example/.well-known/openid-configuration"');
    expect(remedy).toContain('connection.oauthToken');
  });

  it.each([
    ['unknown members', { status: 's', secret: 'x', scopes: 'y' }, 'reason: status "s".'],
    ['members that are not text', { status: 401, scope: ['a'], 'openid-configuration': null }, 'none that is readable'],
    ['a number', 5, 'none that is readable'],
    ['null', 'null', 'none that is readable'],
    ['a list', ['status'], 'none that is readable'],
    ['nothing', '', 'none that is readable'],
    ['invalid JSON', '{"status":', 'none that is readable'],
    ['a member of the prototype', '{"__proto__":{"status":"x"}}', 'none that is readable'],
  ])('ignores %s', (_, said, expected) => {
    expect(remedyAfter(said)).toContain(expected);
  });

  it('escapes control characters, and truncates long text', () => {
    expect(remedyAfter({ status: '\x1b[2J\u202e' })).toContain('status "\\u001b[2J\\u{202e}"');
    expect(remedyAfter({ scope: 'x'.repeat(1900) }).length).toBeLessThan(500);
  });

  it('rejects AuthenticationOk after a refusal', () => {
    const zoe = new Answering({ oauthToken: TOKEN });
    zoe.respond(OFFER);
    zoe.respond(refusal({ status: 'invalid_token' }));
    expect(() => zoe.respond(OK)).toThrow(ProtocolError);
    expect(zoe.authenticator.done).toBe(false);
  });

  it.each<BackendMessage>([
    { kind: 'authenticationSaslFinal', data: '' },
    refusal({ status: 'invalid_token' }),
    { kind: 'authenticationCleartext' },
    OFFER,
  ])('rejects an unexpected message after a refusal: %j', (message) => {
    const zoe = new Answering({ oauthToken: TOKEN, password: 'correct horse' });
    zoe.respond(OFFER);
    zoe.respond(refusal({ status: 'invalid_token' }));
    expect(() => zoe.respond(message)).toThrow(ProtocolError);
    expect(zoe.asked).toEqual(['oauthToken']);
  });

  it('rejects data with success, which OAUTHBEARER does not define', () => {
    const zoe = new Answering({ oauthToken: TOKEN });
    zoe.respond(OFFER);
    expect(() => zoe.respond({ kind: 'authenticationSaslFinal', data: '' })).toThrow(ProtocolError);
  });

  it('never shows the token, in any state or error', () => {
    const shown: string[] = [];
    const look = (value: unknown): void => {
      shown.push(inspect(value, { showHidden: true, depth: 9 }), JSON.stringify(value));
    };
    const zoe = new Answering({ oauthToken: TOKEN });
    const step = zoe.authenticator.respond(OFFER);
    step.next();
    look(zoe.authenticator);
    expect(step.next({ kind: 'credential', value: TOKEN }).done).toBe(true);
    look(zoe.authenticator);
    look(step);
    const answer = zoe.authenticator.respond(refusal({ status: 'invalid_token' }));
    answer.next();
    look(zoe.authenticator.explain(REFUSED));
    look(captureError(() => zoe.respond(OK)));
    expect(shown.join('\n')).not.toContain(TOKEN.slice(0, 6));
  });
});
