import type { RequireAuthMethod, ChannelBinding } from '../../lib/wire/authentication-policy';
import type { BackendMessage } from '../../lib/wire/backend';
import type { ChannelSecurity } from '../../lib/wire/channel-security';
import { Answering, CLEAR, initialOf, LOCAL, sasl } from './support/answering';
import { ED25519, PSS_SHA384, PSS_SHA384_HASH, SHA384, SHA384_HASH } from './support/certificates';
import { captureError } from '../support/capture-error';
import { ScramServer } from './support/scram-server';

const PASSWORD = 'correct horse';
const PLUS = sasl('SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256');
const PLAIN = sasl('SCRAM-SHA-256');
const OK: BackendMessage = { kind: 'authenticationOk' };

const TLS: ChannelSecurity = { kind: 'tls', certificate: SHA384 };
const UNHASHABLE: ChannelSecurity = { kind: 'tls', certificate: ED25519 };
const UNKNOWN: ChannelSecurity = { kind: 'tls' };

function client(channelBinding: ChannelBinding, channel: ChannelSecurity, methods?: RequireAuthMethod[]): Answering {
  const secrets = { password: PASSWORD, oauthToken: 'token' };
  return new Answering(secrets, { channelBinding, methods: methods && new Set(methods) }, channel);
}

/** Runs the whole exchange, with verification on the server's side, and returns how it started. */
function begun(zoe: Answering, offer: BackendMessage, bound = Buffer.alloc(0)): string {
  const server = new ScramServer(PASSWORD, bound);
  const initial = zoe.sent(offer);
  zoe.respond(server.conclude(zoe.sent(server.challenge(initial))));
  zoe.respond(OK);
  expect(zoe.authenticator.done).toBe(true);
  const { mechanism, data } = initialOf(initial);
  return `${mechanism} ${data.slice(0, data.indexOf('n=,'))}`;
}

describe('channel binding', () => {
  it.each(['prefer', 'require'] as const)('is used if the server offers it: %s', (wanted) => {
    const bound = Buffer.from(SHA384_HASH, 'hex');
    expect(begun(client(wanted, TLS), PLUS, bound)).toBe('SCRAM-SHA-256-PLUS p=tls-server-end-point,,');
    expect(begun(client(wanted, TLS), sasl('SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'), bound)).toMatch(/-PLUS/);
    expect(begun(client(wanted, TLS), sasl('SCRAM-SHA-256-PLUS'), bound)).toMatch(/-PLUS/);
  });

  it('supports a certificate that is signed with RSASSA-PSS', () => {
    const channel: ChannelSecurity = { kind: 'tls', certificate: PSS_SHA384 };
    expect(begun(client('require', channel), PLUS, Buffer.from(PSS_SHA384_HASH, 'hex'))).toMatch(/-PLUS p=/);
  });

  it.each<[string, ChannelBinding, ChannelSecurity, BackendMessage, string]>([
    ['sends y where the server does not offer it over TLS', 'prefer', TLS, PLAIN, 'y,,'],
    ['sends n where it is disabled', 'disable', TLS, PLUS, 'n,,'],
    ['sends n where it is disabled and not offered', 'disable', TLS, PLAIN, 'n,,'],
    ['sends n without TLS', 'prefer', CLEAR, PLAIN, 'n,,'],
    ['sends n on a Unix socket', 'prefer', LOCAL, PLAIN, 'n,,'],
    ['is not used with a certificate without a hash', 'prefer', UNHASHABLE, PLUS, 'n,,'],
    ['sends n with a certificate without a hash', 'prefer', UNHASHABLE, PLAIN, 'n,,'],
    ['is not used without a known certificate', 'prefer', UNKNOWN, PLUS, 'n,,'],
  ])('%s', (_, wanted, channel, offer, header) => {
    expect(begun(client(wanted, channel), offer)).toBe(`SCRAM-SHA-256 ${header}`);
  });

  it.each<[ChannelBinding, ChannelSecurity]>([
    ['disable', CLEAR],
    ['prefer', CLEAR],
    ['require', CLEAR],
    ['prefer', LOCAL],
  ])('rejects a server that offers it without TLS: %s, %j', (wanted, channel) => {
    const zoe = client(wanted, channel);
    const error = captureError(() => zoe.respond(PLUS));
    expect(error).toMatchObject({ code: 'SERVER_VERIFICATION_FAILED', retryable: false });
    expect(error.message).toContain('without TLS');
    expect(zoe.asked).toEqual([]);
  });

  it.each<[string, ChannelBinding, ChannelSecurity]>([
    ['it is disabled', 'disable', TLS],
    ['there is no hash', 'prefer', UNHASHABLE],
  ])('rejects a server that offers nothing else if %s', (_, wanted, channel) => {
    const zoe = client(wanted, channel);
    const error = captureError(() => zoe.respond(sasl('SCRAM-SHA-256-PLUS')));
    expect(error.code).toBe('AUTHENTICATION_UNSUPPORTED');
    expect(error.message).toContain('SCRAM-SHA-256-PLUS');
    expect(zoe.asked).toEqual([]);
  });
});

describe('required channel binding', () => {
  it.each<[string, ChannelSecurity, BackendMessage]>([
    ['the connection has no TLS', CLEAR, PLAIN],
    ['the connection has no TLS', LOCAL, PLAIN],
    ['the server does not offer it', TLS, PLAIN],
    ['the server does not offer it', TLS, sasl('OAUTHBEARER')],
    ['the server does not offer it', TLS, sasl()],
    ['the server has sent no certificate', UNKNOWN, PLUS],
    ['has no single hash', UNHASHABLE, PLUS],
    ['the server does not request authentication', TLS, OK],
    ['the server does not request authentication', LOCAL, OK],
    ['the server requests authentication by password', TLS, { kind: 'authenticationCleartext' }],
    ['the server requests authentication by md5', TLS, { kind: 'authenticationMd5', salt: Buffer.alloc(4) }],
  ])('accepts nothing else: %s', (reason, channel, message) => {
    for (const methods of [undefined, ['none', 'password', 'md5', 'scram-sha-256', 'oauth'] as const]) {
      const zoe = client('require', channel, methods && [...methods]);
      const error = captureError(() => zoe.respond(message));
      expect(error).toMatchObject({ code: 'AUTHENTICATION_REFUSED', retryable: false });
      expect(error.message).toContain(`Channel binding is required, but`);
      expect(error.message).toContain(reason);
      expect(error.remedy).toContain('TLS');
      expect(zoe.asked).toEqual([]);
      expect(zoe.authenticator.done).toBe(false);
    }
  });

  it('excludes a token in place of a password, even if both are offered', () => {
    const zoe = new Answering({ oauthToken: 'token' }, { channelBinding: 'require' }, TLS);
    const error = captureError(() => zoe.respond(sasl('OAUTHBEARER', 'SCRAM-SHA-256-PLUS')));
    expect(error.code).toBe('AUTHENTICATION_FAILED');
    expect(zoe.asked).toEqual(['password']);
  });

  it('does not override the allowed methods', () => {
    const zoe = client('require', TLS, ['oauth']);
    expect(captureError(() => zoe.respond(PLUS)).code).toBe('AUTHENTICATION_REFUSED');
    expect(zoe.asked).toEqual([]);
  });
});
