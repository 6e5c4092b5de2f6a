import { firstValueFrom } from 'rxjs';
import { identifySystem, ReplicationError, type ConnectionOptions } from '../../lib/index';
import { FakeWalSender } from '../../lib/testing';
import { buildAuthenticationOk, buildErrorResponse, buildReadyForQuery } from '../../lib/testing/backend-messages';
import { writeToFolder, type CertificateFiles } from '../support/certificate-files';
import { Authority, selfSigned, type Credentials } from '../support/certificates';
import { faces, expectNoSecret, PASSWORD, USER } from './support/attack';
import { HostileServer, type Script } from './support/hostile-server';
import { challenge, CLEARTEXT, MD5, scram } from './support/requests';

let files: CertificateFiles<'root.crt'>;
let right: FakeWalSender;
let stranger: Credentials;

beforeAll(async () => {
  const ca = await Authority.make();
  files = writeToFolder({ 'root.crt': ca.cert });
  right = await FakeWalSender.listen({ password: PASSWORD, tls: await ca.server() });
  stranger = await selfSigned();
});

afterAll(async () => {
  await right.close();
  files.remove();
});

/** The result of a search whose first host is hostile and whose second is valid, and the data that the first host received. */
async function searching(script: Script, connection: ConnectionOptions = {}): Promise<{ code?: string; told: string }> {
  const first = await HostileServer.listen(script);
  const before = right.connections.length;
  const where = { host: '127.0.0.1,127.0.0.1', port: `${first.port},${right.port}`, user: USER, password: PASSWORD };
  try {
    const outcome: unknown = await firstValueFrom(
      identifySystem({ connection: { ...where, sslmode: 'require', ...connection }, connectTimeout: 1000 }),
    ).catch((error: unknown) => error);
    expectNoSecret(faces(outcome));
    const code = outcome instanceof ReplicationError ? { code: outcome.code } : {};
    expect(right.connections.length - before).toBe('code' in code ? 0 : 1);
    return { ...code, told: first.sent };
  } finally {
    await first.close();
  }
}

const verified = (): ConnectionOptions => ({ sslmode: 'verify-full', sslrootcert: files.paths['root.crt'] });

async function behindTls(peer: Parameters<Script>[0]): Promise<void> {
  await peer.sslRequest();
  peer.send(Buffer.from('S'));
  await peer.secure(stranger);
  await peer.startup();
}

const SAYING =
  (sqlState: string): Script =>
  async (peer) => {
    await behindTls(peer);
    peer.send(buildErrorResponse({ C: sqlState, S: 'FATAL', V: 'FATAL', M: 'no' }));
  };

describe('a hostile first host', () => {
  it.each<[what: string, script: Script]>([
    ['closes the connection', (peer) => peer.end()],
    ['resets the connection', (peer) => peer.reset()],
    [
      'has no TLS',
      async (peer) => {
        await peer.sslRequest();
        peer.send(Buffer.from('N'));
      },
    ],
    ['has another certificate', behindTls],
    [
      'speaks no TLS',
      async (peer) => {
        await peer.sslRequest();
        peer.send(Buffer.from('S'));
        await new Promise((resolve) => setTimeout(resolve, 20));
        peer.send(CLEARTEXT);
      },
    ],
  ])('that %s is skipped, and receives no secret', async (_, script) => {
    const { code, told } = await searching(script, verified());
    expect(code).toBeUndefined();
    // At most an SSLRequest and the start of a handshake.
    expect(Buffer.from(told, 'latin1').toString('hex')).toMatch(/^(?:0000000804d2162f(?:16.*)?)?$/);
  });

  it.each(['57P03', '53300', '57P01'])('that sends %s, as an unavailable server does, is skipped', async (sqlState) => {
    const { code, told } = await searching(SAYING(sqlState));
    expect(code).toBeUndefined();
    expect(told).toContain('user\0');
    expectNoSecret([told]);
  });

  it('that sends nothing is skipped after connectTimeout', async () => {
    expect(await searching(() => undefined)).toEqual({ told: expect.stringMatching(/^.{8}$/s) });
  });

  it.each<[what: string, script: Script, code: string]>([
    ['refuses the password', SAYING('28P01'), 'AUTHENTICATION_FAILED'],
    ['refuses the client', SAYING('28000'), 'HBA_REFUSED'],
    ['does not have the database', SAYING('3D000'), 'DATABASE_MISSING'],
    [
      'does not know the password',
      async (peer) => {
        await behindTls(peer);
        const { nonce } = await scram(peer);
        peer.send(challenge(`r=x${nonce}`.concat(',s=c2FsdA==,i=1')));
      },
      'SERVER_VERIFICATION_FAILED',
    ],
    [
      'accepts the connection without authentication',
      async (peer) => {
        await behindTls(peer);
        peer.send(buildReadyForQuery());
      },
      'PROTOCOL_VIOLATION',
    ],
  ])('that %s ends the search, because the other hosts would do the same', async (_, script, code) => {
    const outcome = await searching(script);
    expect(outcome.code).toBe(code);
    expectNoSecret([outcome.told]);
  });

  it.each([
    ['a password in clear text', CLEARTEXT],
    ['an md5 hash', MD5],
    ['nothing', buildAuthenticationOk()],
  ])('that requests %s ends the search if that is not allowed, and gets none', async (_, request) => {
    const script: Script = async (peer) => {
      await behindTls(peer);
      peer.send(request);
    };
    const { code, told } = await searching(script, { require_auth: 'scram-sha-256' });
    expect(code).toBe('AUTHENTICATION_REFUSED');
    expectNoSecret([told]);
  });

  it('that takes a password and then appears unavailable has it: only certificate verification prevents this', async () => {
    const script: Script = async (peer) => {
      await behindTls(peer);
      peer.send(CLEARTEXT);
      await peer.next();
      peer.send(buildErrorResponse({ C: '57P03', S: 'FATAL', V: 'FATAL', M: 'starting up' }));
    };
    const { told } = await searching(script);
    expect(told).toContain(Buffer.from(PASSWORD).toString('latin1'));
    expect((await searching(script, verified())).told).not.toContain(Buffer.from(PASSWORD).toString('latin1'));
  });
});
