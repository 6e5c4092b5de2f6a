import type { RequireAuthMethod } from '../../lib/wire/authentication-policy';
import type { BackendMessage } from '../../lib/wire/backend';
import type { ChannelSecurity } from '../../lib/wire/channel-security';
import { Answering, CLEAR, initialOf, LOCAL, sasl } from './support/answering';
import { captureError } from '../support/capture-error';

const TLS: ChannelSecurity = { kind: 'tls' };
const SECRETS = { password: 'correct horse', oauthToken: 'token' };

/** The server's requests, by the method that responds to them. */
const REQUESTS: Readonly<Record<RequireAuthMethod, BackendMessage>> = {
  none: { kind: 'authenticationOk' },
  password: { kind: 'authenticationCleartext' },
  md5: { kind: 'authenticationMd5', salt: Buffer.from([1, 2, 3, 4]) },
  'scram-sha-256': sasl('SCRAM-SHA-256'),
  oauth: sasl('OAUTHBEARER'),
};
const METHODS = ['none', 'password', 'md5', 'scram-sha-256', 'oauth'] as const;
const ASKED: Readonly<Record<RequireAuthMethod, string[]>> = {
  none: [],
  password: ['password'],
  md5: ['password'],
  'scram-sha-256': ['password'],
  oauth: ['oauthToken'],
};

const all = new Set(METHODS);

function allowing(methods: ReadonlySet<RequireAuthMethod> | undefined, channel: ChannelSecurity): Answering {
  return new Answering(SECRETS, { methods, isExplicit: methods !== undefined }, channel);
}

function expectAnswer(client: Answering, method: RequireAuthMethod): void {
  const sent = client.respond(REQUESTS[method]);
  expect(sent === undefined).toBe(method === 'none');
  expect(client.asked).toEqual(ASKED[method]);
}

function expectRefusal(client: Answering, method: RequireAuthMethod, reason: string): void {
  const error = captureError(() => client.respond(REQUESTS[method]));
  expect(error).toMatchObject({ code: 'AUTHENTICATION_REFUSED', retryable: false });
  expect(error.message).toContain(reason);
  expect(error.remedy).toMatch(/TLS.*require_auth/);
  expect(client.asked).toEqual([]);
  expect(client.authenticator.done).toBe(false);
}

describe.each(METHODS)('%s', (method) => {
  it.each([CLEAR, LOCAL, TLS])('is used if it is explicitly allowed: %j', (channel) => {
    expectAnswer(allowing(new Set([method]), channel), method);
    expectAnswer(allowing(all, channel), method);
  });

  it.each([CLEAR, LOCAL, TLS])('is refused if only others are allowed, before a secret is requested: %j', (channel) => {
    const others = new Set(METHODS.filter((other) => other !== method));
    expectRefusal(allowing(others, channel), method, `require_auth allows ${[...others].join(', ')}`);
  });

  it.each([LOCAL, TLS])('is used by default if the connection cannot be eavesdropped on: %j', (channel) => {
    expectAnswer(allowing(undefined, channel), method);
  });
});

it.each(['none', 'md5', 'scram-sha-256'] as const)('%s is used by default in clear text', (method) => {
  expectAnswer(allowing(undefined, CLEAR), method);
});

it.each(['password', 'oauth'] as const)('%s is not, even if it is not excluded', (method) => {
  expectRefusal(allowing(undefined, CLEAR), method, 'the connection is not encrypted');
  const unforbidden = new Answering(SECRETS, { methods: all, isExplicit: false }, CLEAR);
  expectRefusal(unforbidden, method, 'the connection is not encrypted');
});

describe('a server that offers both SCRAM and OAUTHBEARER', () => {
  const both = sasl('OAUTHBEARER', 'SCRAM-SHA-256');
  const chosen = (client: Answering): string => initialOf(client.sent(both)).mechanism;

  it('does not receive a token if there is a password', () => {
    const client = allowing(undefined, TLS);
    expect(chosen(client)).toBe('SCRAM-SHA-256');
    expect(client.asked).toEqual(['password']);
  });

  it('receives the token if there is no password', () => {
    const client = new Answering({ oauthToken: 'token' }, {}, TLS);
    expect(chosen(client)).toBe('OAUTHBEARER');
    expect(client.asked).toEqual(['password', 'oauthToken']);
  });

  it.each([
    [new Set<RequireAuthMethod>(['oauth']), 'OAUTHBEARER', 'oauthToken'],
    [new Set<RequireAuthMethod>(['scram-sha-256']), 'SCRAM-SHA-256', 'password'],
  ])('receives only what is allowed: %j', (methods, mechanism, secret) => {
    const client = allowing(methods, TLS);
    expect(chosen(client)).toBe(mechanism);
    expect(client.asked).toEqual([secret]);
  });

  it('does not cause a request for a token that must not be sent', () => {
    const client = new Answering({ oauthToken: 'token' }, {}, CLEAR);
    expect(captureError(() => client.respond(both)).code).toBe('AUTHENTICATION_FAILED');
    expect(client.asked).toEqual(['password']);
  });

  it('is an error if neither secret is set', () => {
    const error = captureError(() => new Answering({}, {}, TLS).respond(both));
    expect(error.code).toBe('AUTHENTICATION_FAILED');
    expect(error.message).toContain('The server requires a password or an OAuth token, but none is set');
    expect(error.remedy).toMatch(/connection\.password.*connection\.oauthToken/);
  });

  it('is an error if neither method is allowed', () => {
    const client = allowing(new Set<RequireAuthMethod>(['md5']), TLS);
    const error = captureError(() => client.respond(both));
    expect(error).toMatchObject({ code: 'AUTHENTICATION_REFUSED' });
    expect(error.message).toContain('require_auth allows md5');
    expect(client.asked).toEqual([]);
  });
});
