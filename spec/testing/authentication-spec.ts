import { firstValueFrom } from 'rxjs';
import { identifySystem } from '../../lib';
import { FakeWalSender, type AuthenticationMethod } from '../../lib/testing';
import {
  encodePasswordMessage,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  encodeSslRequest,
  encodeStartupMessage,
} from '../../lib/wire/frontend';
import { until } from '../net/support/local-server';
import { RawClient } from './support/raw-client';

const METHODS: AuthenticationMethod[] = ['scram-sha-256', 'md5', 'password'];
/** Requires encoding in a URL, and differs between Unicode normalization forms. */
const PASSWORD = 'p@ss/wörd ½';

let server: FakeWalSender;

afterEach(() => server.close());

/** The number of the authentication method that the server requests first. */
async function asked(): Promise<number> {
  const client = await RawClient.connect(server);
  client.send(encodeStartupMessage({ user: 'app' }));
  await client.received('R');
  client.destroy();
  return client.bytes.readInt32BE(5);
}

it('accepts every client without a password', async () => {
  server = await FakeWalSender.listen();
  expect(await asked()).toBe(0);
  expect(server.url).toMatch(/^postgres:\/\/app@127\.0\.0\.1:\d+\/postgres$/);
});

it('requests SCRAM-SHA-256 by default', async () => {
  server = await FakeWalSender.listen({ password: PASSWORD });
  expect(await asked()).toBe(10);
});

describe.each(METHODS)('%s', (authentication) => {
  beforeEach(async () => {
    server = await FakeWalSender.listen({ password: PASSWORD, authentication });
  });

  it('is requested by the server', async () => {
    expect(await asked()).toBe({ 'scram-sha-256': 10, md5: 5, password: 3, oauth: 10 }[authentication]);
  });

  it('accepts a client that knows the password, which is in the URL', async () => {
    expect(await firstValueFrom(identifySystem({ connection: server.url }))).toMatchObject({ database: 'postgres' });
  });

  it.each(['wrong', `${PASSWORD} `, PASSWORD.slice(0, -1)])('rejects %j', async (password) => {
    const connection = { connectionString: server.url, password };
    await expect(firstValueFrom(identifySystem({ connection }))).rejects.toMatchObject({
      code: 'AUTHENTICATION_FAILED',
      sqlState: '28P01',
      server: { severity: 'FATAL', message: 'password authentication failed for user "app"', routine: 'auth_failed' },
    });
  });

  it('accepts no other message before', async () => {
    const client = await RawClient.connect(server);
    client.send(encodeStartupMessage({ user: 'app' }));
    await client.received('R');
    client.send(encodePasswordMessage(''));
    await until(() => client.ended);
    expect(client.frames).not.toContain('Z');
    client.destroy();
  });
});

describe('the URL', () => {
  it.each<[method: AuthenticationMethod, allowed: string]>([
    ['scram-sha-256', ''],
    ['md5', ''],
    ['password', '?require_auth=password'],
    ['oauth', '?require_auth=oauth'],
  ])('allows methods that send the secret in clear text: %s', async (authentication, allowed) => {
    server = await FakeWalSender.listen({ password: 'secret', authentication });
    const secret = authentication === 'oauth' ? '' : ':secret';
    expect(server.url).toBe(`postgres://app${secret}@127.0.0.1:${server.port}/postgres${allowed}`);
    // With TLS, nothing has to be allowed.
    server.tls = { cert: '', key: '' };
    expect(server.url).toBe(`postgres://app${secret}@127.0.0.1:${server.port}/postgres`);
    server.tls = undefined;
    server.password = undefined;
    expect(server.url).toBe(`postgres://app@127.0.0.1:${server.port}/postgres`);
  });

  it('is required: without it, the client sends no secret in clear text', async () => {
    server = await FakeWalSender.listen({ password: PASSWORD, authentication: 'password' });
    const { host, port } = server;
    const connection = { host, port, user: 'app', password: PASSWORD };
    const identified = firstValueFrom(identifySystem({ connection }));
    await expect(identified).rejects.toMatchObject({ code: 'AUTHENTICATION_REFUSED' });
  });
});

describe('oauth', () => {
  const identify = (oauthToken: () => string) =>
    firstValueFrom(identifySystem({ connection: { connectionString: server.url, oauthToken } }));

  it('accepts only a client with the token', async () => {
    server = await FakeWalSender.listen({ password: 'a.good-token', authentication: 'oauth' });
    expect(await asked()).toBe(10);
    expect(await identify(() => 'a.good-token')).toMatchObject({ database: 'postgres' });
    await expect(identify(() => 'another')).rejects.toMatchObject({
      code: 'AUTHENTICATION_FAILED',
      message: expect.stringContaining('status "invalid_token"'),
    });
  });
});

describe('scram-sha-256', () => {
  it.each([
    ['another nonce', 'c=biws,r=other,p=AAAA'],
    ['another channel binding', 'c=eSws,r=nonceOfMinefakeWalSender,p=AAAA'],
    ['no proof', 'c=biws,r=nonceOfMinefakeWalSender'],
  ])('rejects a response with %s', async (_, answer) => {
    server = await FakeWalSender.listen({ password: PASSWORD });
    const client = await RawClient.connect(server);
    client.send(encodeStartupMessage({ user: 'app' }));
    await client.received('R');
    client.send(encodeSaslInitialResponse('SCRAM-SHA-256', 'n,,n=,r=nonceOfMine'));
    await client.received('R', 2);
    client.send(encodeSaslResponse(answer));
    await client.received('E');
    expect(client.frames).toEqual(['R', 'R', 'E']);
    client.destroy();
  });
});

it('declines TLS', async () => {
  server = await FakeWalSender.listen();
  const client = await RawClient.connect(server);
  client.send(encodeSslRequest());
  await until(() => client.bytes.length === 1);
  expect(client.bytes.toString()).toBe('N');
  client.destroy();
  const connection = { connectionString: server.url, ssl: true };
  await expect(firstValueFrom(identifySystem({ connection }))).rejects.toMatchObject({ code: 'TLS_REFUSED' });
});
