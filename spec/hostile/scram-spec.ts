import { createHash, pbkdf2Sync } from 'node:crypto';
import { buildAuthenticationOk, buildErrorResponse, buildReadyForQuery } from '../../lib/testing/backend-messages';
import { Authority, type Credentials } from '../support/certificates';
import { measureProcessorTime } from '../support/processor-time';
import { attack, expectRefusal, MAX_DURATION } from './support/attack';
import type { Peer, Script } from './support/hostile-server';
import { challenge, final, scram } from './support/requests';

const SALT = 'c2FsdHNhbHQ=';

let stranger: Credentials;

beforeAll(async () => {
  stranger = await (await Authority.make()).server();
});

/** Responds with these messages to a client's nonce and to its proof. */
const answering =
  (first: (nonce: string) => string, ...last: readonly Buffer[]): Script =>
  async (peer) => {
    await peer.startup();
    const { nonce } = await scram(peer);
    peer.send(challenge(first(nonce)));
    await peer.next();
    peer.send(...last);
    await peer.next();
  };

const first = (nonce: string): string => `r=${nonce}SERVER,s=${SALT},i=4096`;

describe('a server that does not know the password', () => {
  const signatures: readonly (readonly [what: string, signature: string])[] = [
    ['a wrong signature', `v=${Buffer.alloc(32, 7).toString('base64')}`],
    ['an empty signature', 'v='],
    ['a signature that is too short', `v=${Buffer.alloc(31).toString('base64')}`],
    ['a signature that is too long', `v=${Buffer.alloc(33).toString('base64')}`],
    ['a signature that is not base64', `v=${'~'.repeat(44)}`],
  ];

  it.each(signatures)('is detected by %s', async (_, signature) => {
    const script = answering(first, final(signature), buildAuthenticationOk(), buildReadyForQuery());
    const { error } = await expectRefusal(
      attack(script),
      'SERVER_VERIFICATION_FAILED',
      /SCRAM signature is wrong\. .*check that the address is that of your server/,
      ['proof'],
    );
    expect(error.retryable).toBe(false);
  });

  it.each([
    ['sends AuthenticationOk without a signature', buildAuthenticationOk()],
    ['sends ReadyForQuery without AuthenticationOk', buildReadyForQuery()],
    ['sends two signatures', Buffer.concat([final('v=AAAA'), final('v=AAAA')])],
    ['sends another challenge', challenge('r=x,s=c2FsdA==,i=1')],
    ['sends an unknown attribute', final('x=1')],
  ])('is detected if it %s', async (_, last) => {
    const { error, given } = await attack(answering(first, last, buildAuthenticationOk(), buildReadyForQuery()));
    expect(['SERVER_VERIFICATION_FAILED', 'PROTOCOL_VIOLATION']).toContain(error.code);
    expect(given).toEqual(['proof']);
  });

  it('cannot inject control characters into an error with its final message', async () => {
    const script = answering(first, final('e=\u001b[2Jother-error\nfatal: all is lost'));
    const { error } = await expectRefusal(attack(script), 'AUTHENTICATION_FAILED', /rejected the SCRAM exchange: "/, [
      'proof',
    ]);
    expect(error.message).not.toMatch(/\p{Cc}/u);
  });
});

describe('a server that tries to get a proof from which the password can be guessed', () => {
  it.each<[what: string, nonce: (nonce: string) => string]>([
    ['unrelated to the client nonce', () => 'SERVERSERVERSERVERSERVERSERVER'],
    ['the client nonce unchanged', (nonce) => nonce],
    ['the start of the client nonce', (nonce) => nonce.slice(0, -1)],
    ['a value that ends with the client nonce', (nonce) => `SERVER${nonce}`],
    ['a value that differs from the client nonce in one character', (nonce) => `${nonce.slice(0, -1)}!SERVER`],
    ['the client nonce in capitals', (nonce) => `${nonce.toUpperCase()}SERVER`],
  ])('gets none for a nonce that is %s', async (_, change) => {
    const script = answering((nonce) => `r=${change(nonce)},s=${SALT},i=4096`);
    await expectRefusal(
      attack(script),
      'SERVER_VERIFICATION_FAILED',
      /nonce in the SCRAM challenge does not begin with the client's nonce/,
    );
  });

  it.each([
    ['no nonce', () => `r=,s=${SALT},i=4096`],
    ['a nonce with a control character', (nonce: string) => `r=${nonce}\u0001SERVER,s=${SALT},i=4096`],
    ['a nonce that is too long', (nonce: string) => `r=${nonce}${'x'.repeat(1500)},s=${SALT},i=4096`],
    ['an empty salt', (nonce: string) => `r=${nonce}SERVER,s=,i=4096`],
    ['a huge salt', (nonce: string) => `r=${nonce}SERVER,s=${'AAAA'.repeat(300)},i=4096`],
    ['a salt that is not base64', (nonce: string) => `r=${nonce}SERVER,s=%%%%,i=4096`],
    ['nothing', () => ''],
    ['an unknown mandatory extension', (nonce: string) => `m=x,r=${nonce}SERVER,s=${SALT},i=4096`],
  ])('gets none for %s', async (_, text) => {
    await expectRefusal(attack(answering(text)), 'PROTOCOL_VIOLATION', /SCRAM server-first-message: .*expected/);
  });

  it.each([
    '0',
    '-1',
    '1000001',
    '2147483647',
    '99999999999999999999',
    'NaN',
    '',
    '1e3',
    '0x10',
    '4096 ',
    ' 4096',
    '٤',
  ])('gets none for %j iterations, and costs no processor time', async (iterations) => {
    const script = answering((nonce) => `r=${nonce}SERVER,s=${SALT},i=${iterations}`);
    const { busyMs } = await expectRefusal(attack(script), 'PROTOCOL_VIOLATION', /iterations; expected 1 to/);
    expect(busyMs).toBeLessThan(1000);
  });

  it('costs at most the time of the maximum number of iterations', async () => {
    const script = answering((nonce) => `r=${nonce}SERVER,s=${SALT},i=1000000`, final('v=AAAA'));
    // The time for this number of iterations on this machine.
    const unit = measureProcessorTime(() => pbkdf2Sync('password', SALT, 1_000_000, 32, 'sha256'));
    await expectRefusal(
      attack(script, {}, { within: MAX_DURATION + 2 * unit, connectTimeout: 30_000 }),
      'SERVER_VERIFICATION_FAILED',
      /wrong/,
      ['proof'],
    );
  }, 60_000);
});

describe('channel binding', () => {
  const behindTls =
    (script: (peer: Peer) => Promise<unknown>): Script =>
    async (peer) => {
      await peer.sslRequest();
      peer.send(Buffer.from('S'));
      await peer.secure(stranger);
      await peer.startup();
      await script(peer);
    };

  it('that is missing in the offer is an error if it is required', async () => {
    await expectRefusal(
      attack(
        behindTls((peer) => scram(peer)),
        { channel_binding: 'require' },
      ),
      'AUTHENTICATION_REFUSED',
      /Channel binding is required, but the server does not offer it\. Connect with TLS to the server directly/,
    );
  });

  it('that is missing in the offer is reported to the server, which can detect the change', async () => {
    const { peers } = await attack(
      behindTls(async (peer) => {
        await scram(peer);
        peer.send(buildErrorResponse({ C: '28000', S: 'FATAL', V: 'FATAL', M: 'no' }));
      }),
    );
    for (const peer of peers) expect(peer.inside.toString('latin1')).toContain('SCRAM-SHA-256\0\0\0\0\u0020y,,n=,r=');
  });

  it('that is offered without TLS reveals a man in the middle', async () => {
    const script: Script = async (peer) => {
      await peer.startup();
      await scram(peer, 'SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256');
    };
    await expectRefusal(
      attack(script),
      'SERVER_VERIFICATION_FAILED',
      /offers channel binding on a connection without TLS, so a proxy or an attacker terminates its TLS/,
    );
  });

  it("is bound to the server's certificate, so a man in the middle cannot relay the proof", async () => {
    const said: string[] = [];
    const script = behindTls(async (peer) => {
      const { nonce, chosen } = await scram(peer, 'SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256');
      peer.send(challenge(first(nonce)));
      said.push(chosen, (await peer.next()).body.toString());
      peer.send(final(`v=${Buffer.alloc(32).toString('base64')}`), buildAuthenticationOk());
    });
    await expectRefusal(attack(script, { channel_binding: 'require' }), 'SERVER_VERIFICATION_FAILED', /signature/, [
      'proof',
    ]);
    const seen = createHash('sha256').update(stranger.der).digest();
    const binding = Buffer.concat([Buffer.from('p=tls-server-end-point,,'), seen]).toString('base64');
    const proof = expect.stringContaining(`c=${binding},r=`);
    expect(said).toEqual(['SCRAM-SHA-256-PLUS', proof, 'SCRAM-SHA-256-PLUS', proof]);
  });
});
