import {
  buildAuthenticationOk,
  buildNotice,
  buildReadyForQuery,
  buildRowDescription,
} from '../../lib/testing/backend-messages';
import { sleep } from '../net/support/local-server';
import { Authority, type Credentials } from '../support/certificates';
import { attack, expectRefusal, SOURCES } from './support/attack';
import type { Peer, Script } from './support/hostile-server';
import { admit, challenge, ACCEPTED, MD5, scram } from './support/requests';

/** The connect timeout, and the pause between bytes, in ms. By default, the timeout is 15 s. */
const CONNECT_TIMEOUT = 250;
const PAUSE = 20;
const HURRY = { connectTimeout: CONNECT_TIMEOUT, within: 1500, source: SOURCES.stream };
/** A connect timeout that does not expire during the spec. */
const LONG = 'x'.repeat(10_000);

let stranger: Credentials;

beforeAll(async () => {
  stranger = await (await Authority.make()).server();
});

/** The steps of a connection, each including the previous ones. */
const STEPS: readonly (readonly [name: string, script: Script])[] = [
  ['the connection', () => undefined],
  ['SSLRequest', (peer) => peer.sslRequest()],
  [
    'S',
    async (peer) => {
      await peer.sslRequest();
      peer.send(Buffer.from('S'));
    },
  ],
  ['the handshake', behindTls],
  ['the StartupMessage', (peer) => peer.startup()],
  [
    'the StartupMessage behind TLS',
    async (peer) => {
      await behindTls(peer);
      await peer.startup();
    },
  ],
  ['the SASL mechanisms', (peer) => proofOf(peer, 'offer')],
  ['the SCRAM challenge', (peer) => proofOf(peer, 'challenge')],
  [
    'an md5 hash',
    async (peer) => {
      await peer.startup();
      peer.send(MD5);
      await peer.next();
    },
  ],
  [
    'AuthenticationOk',
    async (peer) => {
      await peer.startup();
      peer.send(buildAuthenticationOk());
    },
  ],
  [
    'ReadyForQuery',
    async (peer) => {
      await peer.startup();
      peer.send(ACCEPTED);
      await peer.next();
    },
  ],
  ['the parameters', admit],
  [
    'half of an answer',
    async (peer) => {
      await admit(peer);
      peer.send(buildRowDescription(['systemid']));
    },
  ],
];

async function behindTls(peer: Peer): Promise<void> {
  await peer.sslRequest();
  peer.send(Buffer.from('S'));
  await peer.secure(stranger);
}

async function proofOf(peer: Peer, until: 'offer' | 'challenge'): Promise<void> {
  await peer.startup();
  const { nonce } = await scram(peer);
  if (until === 'offer') return;
  peer.send(challenge(`r=${nonce}SERVER,s=c2FsdA==,i=4096`));
  await peer.next();
}

/** Whether the step follows a request for a secret. */
const GIVEN = { 'the SCRAM challenge': ['proof'], 'an md5 hash': ['md5'] } as const;

function givenAt(step: string) {
  return Object.entries(GIVEN).find(([name]) => name === step)?.[1] ?? [];
}

describe.each(STEPS)('a server that gets as far as %s', (step, script) => {
  it('and then sends nothing is waited for at most connectTimeout', async () => {
    const { ms, error } = await expectRefusal(
      attack(script, {}, HURRY),
      'CONNECT_TIMEOUT',
      /(was not ready|did not answer) within 250 ms\. .*connectTimeout/,
      givenAt(step),
    );
    expect(ms).toBeGreaterThanOrEqual(CONNECT_TIMEOUT - 5);
    expect(error.retryable).toBe(true);
  });

  it.each<[how: string, leave: (peer: Peer) => void]>([
    ['closes the connection', (peer) => peer.end()],
    ['resets the connection', (peer) => peer.reset()],
  ])('and then %s the connection is a retryable error', async (_, leave) => {
    const { error } = await expectRefusal(
      attack(async (peer) => {
        await script(peer);
        leave(peer);
      }),
      'CONNECTION_LOST',
      /ended (before the server was ready|in the TLS handshake)/,
      givenAt(step),
    );
    expect(error.retryable).toBe(true);
  });
});

describe('a server that sends single bytes slowly', () => {
  /** The start of a TLS record of 16 KiB, and more of it. */
  const record = Buffer.concat([Buffer.from([0x16, 0x03, 0x03, 0x40, 0x00]), Buffer.alloc(1000)]);

  it.each<[phase: string, script: Script]>([
    [
      'of a handshake',
      async (peer) => {
        await peer.sslRequest();
        peer.send(Buffer.from('S'));
        await sleep(PAUSE);
        await peer.drip(record, PAUSE);
      },
    ],
    [
      'of a notice',
      async (peer) => {
        await peer.startup();
        await peer.drip(buildNotice({ M: LONG }), PAUSE);
      },
    ],
    [
      'of small notices',
      async (peer) => {
        await peer.startup();
        await peer.drip(buildNotice({ M: '' }), 1);
      },
    ],
    [
      'of a challenge',
      async (peer) => {
        await peer.startup();
        await scram(peer);
        await peer.drip(challenge(LONG), PAUSE);
      },
    ],
    [
      'of an answer',
      async (peer) => {
        await admit(peer);
        await peer.drip(buildRowDescription([LONG]), PAUSE);
      },
    ],
  ])('%s is waited for at most connectTimeout', async (_, script) => {
    const timeout = /(was not ready|did not answer) within 250 ms/;
    const { ms } = await expectRefusal(attack(script, {}, HURRY), 'CONNECT_TIMEOUT', timeout);
    expect(ms).toBeGreaterThanOrEqual(CONNECT_TIMEOUT - 5);
  });
});

describe('a server that does not read', () => {
  it('is waited for at most connectTimeout', async () => {
    const script: Script = async (peer) => {
      peer.raw.pause();
      // Otherwise it would not notice that the client has disconnected.
      await sleep(2 * CONNECT_TIMEOUT);
      peer.raw.resume();
    };
    await expectRefusal(attack(script, {}, HURRY), 'CONNECT_TIMEOUT', /was not ready within 250 ms/);
  });

  it('after authentication is waited for at most connectTimeout, too', async () => {
    const script: Script = async (peer) => {
      await admit(peer);
      peer.raw.pause();
      await sleep(2 * CONNECT_TIMEOUT);
      peer.raw.resume();
    };
    await expectRefusal(attack(script, {}, HURRY), 'CONNECT_TIMEOUT', /did not answer within 250 ms/);
  });
});

describe('a password function whose promise never settles', () => {
  const never = (): Promise<string> => new Promise(() => undefined);

  it('is waited for at most connectTimeout', async () => {
    const script: Script = async (peer) => {
      await peer.startup();
      peer.send(MD5);
    };
    await expectRefusal(
      attack(script, { password: never }, HURRY),
      'CREDENTIAL_UNAVAILABLE',
      /did not return it within 250 ms/,
    );
  });

  it('does not let the server fill the memory in the meantime', async () => {
    const script: Script = async (peer) => {
      await peer.startup();
      peer.send(MD5, buildAuthenticationOk(), buildReadyForQuery());
      await peer.flood(Buffer.alloc(1024 * 1024, buildNotice({ M: LONG })));
    };
    const attacking = attack(script, { password: never }, HURRY);
    const { peers } = await expectRefusal(attacking, 'CREDENTIAL_UNAVAILABLE', /did not return/);
    // The size of the operating system's buffers.
    for (const { raw } of peers) expect(raw.bytesWritten).toBeLessThan(20 * 1024 * 1024);
  });
});
