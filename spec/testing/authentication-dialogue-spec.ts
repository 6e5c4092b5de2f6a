import { authenticate, type AuthenticationMethod } from '../../lib/testing/server-authentication';
import { decodeBackendMessage } from '../../lib/wire/backend';
import type { ChannelSecurity } from '../../lib/wire/channel-security';
import { FrameDecoder } from '../../lib/wire/frames';
import { encodeSaslInitialResponse, encodeSaslResponse } from '../../lib/wire/frontend';
import { Answering, initialOf, type Secrets } from '../wire/support/answering';
import { ED25519, PSS_SHA384, SHA384 } from '../wire/support/certificates';

const OK = { kind: 'authenticationOk' } as const;
const PASSWORD = 'p@ss/wörd ½';
const TOKEN = 'mF_9.B5f-4.1JqM';

/** The client's response to each frame of the server, with the header. */
type Client = (frame: Buffer) => Buffer | undefined;

/** Whether the server accepts the client. Responses are passed without their header. */
function letsIn(method: AuthenticationMethod, secret: string, client: Client, certificate?: Buffer): boolean {
  const dialogue = authenticate(method, 'zoë', secret, certificate);
  let step = dialogue.next();
  while (!step.done) step = dialogue.next(client(step.value)?.subarray(5) ?? Buffer.alloc(0));
  if (step.value && step.value.length > 0) client(step.value);
  return step.value !== undefined;
}

function speaking(answering: Answering): Client {
  return (frame) => {
    const frames = new FrameDecoder();
    frames.push(frame);
    expect(frames.next()).toBe(true);
    return answering.respond(decodeBackendMessage(frames));
  };
}

function ours(
  secrets: Secrets,
  channel: ChannelSecurity = { kind: 'local' },
  channelBinding: 'disable' | 'prefer' = 'prefer',
) {
  return new Answering(secrets, { channelBinding }, channel);
}

describe.each(['scram-sha-256', 'md5', 'password', 'oauth'] as const)('%s', (method) => {
  const name = method === 'oauth' ? 'oauthToken' : 'password';
  const secret = method === 'oauth' ? TOKEN : PASSWORD;

  it('accepts a client that knows the secret', () => {
    const client = ours({ [name]: secret });
    expect(letsIn(method, secret, speaking(client))).toBe(true);
    client.respond(OK);
    expect(client.authenticator.done).toBe(true);
  });

  it('rejects all others', () => {
    expect(letsIn(method, secret, speaking(ours({ [name]: 'another' })))).toBe(false);
    expect(letsIn(method, secret, () => Buffer.alloc(5))).toBe(false);
    expect(letsIn(method, secret, () => encodeSaslInitialResponse('PLAIN', secret))).toBe(false);
  });
});

it('oauth reports the requirements of a token', () => {
  const frames: string[] = [];
  const speaks = speaking(ours({ oauthToken: 'another' }));
  letsIn('oauth', TOKEN, (frame) => {
    frames.push(frame.toString());
    return speaks(frame);
  });
  expect(frames).toEqual([
    expect.stringContaining('OAUTHBEARER'),
    expect.stringMatching(/"status":"invalid_token".*"scope":"replication"/),
  ]);
});

describe('scram-sha-256 over TLS', () => {
  /** The start of the client's exchange, and whether it is accepted. */
  function begun(client: Answering, certificate: Buffer): [string, boolean] {
    let first = '';
    const speaks = speaking(client);
    const isIn = letsIn(
      'scram-sha-256',
      PASSWORD,
      (frame) => {
        const answer = speaks(frame);
        if (first === '' && answer) {
          const { mechanism, data } = initialOf(answer);
          first = `${mechanism} ${data.slice(0, data.indexOf('n=,'))}`;
        }
        return answer;
      },
      certificate,
    );
    return [first, isIn];
  }

  it.each([SHA384, PSS_SHA384])('accepts a client that binds to its certificate', (certificate) => {
    const client = ours({ password: PASSWORD }, { kind: 'tls', certificate });
    expect(begun(client, certificate)).toEqual(['SCRAM-SHA-256-PLUS p=tls-server-end-point,,', true]);
  });

  it('accepts a client that does not support channel binding', () => {
    const disabled = ours({ password: PASSWORD }, { kind: 'tls', certificate: SHA384 }, 'disable');
    expect(begun(disabled, SHA384)).toEqual(['SCRAM-SHA-256 n,,', true]);
    const unhashable = ours({ password: PASSWORD }, { kind: 'tls', certificate: ED25519 });
    expect(begun(unhashable, ED25519)).toEqual(['SCRAM-SHA-256 n,,', true]);
  });

  it('rejects a client that has received another certificate', () => {
    const client = ours({ password: PASSWORD }, { kind: 'tls', certificate: PSS_SHA384 });
    expect(begun(client, SHA384)).toEqual(['SCRAM-SHA-256-PLUS p=tls-server-end-point,,', false]);
  });

  it.each([
    ['states that binding was not offered', 'SCRAM-SHA-256', 'y,,'],
    ['binds with a mechanism that does not support it', 'SCRAM-SHA-256', 'p=tls-server-end-point,,'],
    ['does not bind with the mechanism that requires it', 'SCRAM-SHA-256-PLUS', 'n,,'],
    ['binds to something else', 'SCRAM-SHA-256-PLUS', 'p=tls-unique,,'],
  ])('immediately rejects a client that %s', (_, mechanism, header) => {
    const dialogue = authenticate('scram-sha-256', 'zoë', PASSWORD, SHA384);
    dialogue.next();
    const initial = encodeSaslInitialResponse(mechanism, `${header}n=,r=nonce`).subarray(5);
    expect(dialogue.next(initial)).toEqual({ done: true, value: undefined });
  });

  it('offers no channel binding without a certificate, and accepts none', () => {
    const dialogue = authenticate('scram-sha-256', 'zoë', PASSWORD);
    expect(dialogue.next().value?.toString('latin1')).not.toContain('PLUS');
    const initial = encodeSaslInitialResponse('SCRAM-SHA-256-PLUS', 'p=tls-server-end-point,,n=,r=nonce').subarray(5);
    expect(dialogue.next(initial)).toEqual({ done: true, value: undefined });
  });

  it.each([
    ['another binding', 'c=eSws,r=noncefakeWalSender,p=AAAA'],
    ['another nonce', 'c=biws,r=nonce,p=AAAA'],
    ['no proof', 'c=biws,r=noncefakeWalSender'],
  ])('rejects a response with %s', (_, answer) => {
    const dialogue = authenticate('scram-sha-256', 'zoë', PASSWORD, SHA384);
    dialogue.next();
    dialogue.next(encodeSaslInitialResponse('SCRAM-SHA-256', 'n,,n=,r=nonce').subarray(5));
    expect(dialogue.next(encodeSaslResponse(answer).subarray(5))).toEqual({ done: true, value: undefined });
  });
});
