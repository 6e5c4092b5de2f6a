import type { ConnectionOptions } from '../../lib/index';
import { Authority, type KeyKind } from '../support/certificates';
import { SecuredServer } from './support/secured-server';
import { TlsRelay, type RelayOptions } from './support/tls-relay';

/** The authentication methods of the roles, as in require_auth. */
const ASKED = [
  ['trusted', 'none'],
  ['clear', 'password'],
  ['md5', 'md5'],
  ['md5_scram', 'scram-sha-256'],
  ['scram', 'scram-sha-256'],
] as const;

const IN = 'scram-sha-256, TLSv1.3';

let secured: SecuredServer;

beforeAll(async () => {
  secured = await SecuredServer.start({
    hba: [
      'local all scram scram-sha-256',
      'host all trusted all trust',
      'host all clear all password',
      'host all md5,md5_scram all md5',
      'host all scram all scram-sha-256',
    ],
    roles: { trusted: 'none', clear: 'scram-sha-256', md5: 'md5', md5_scram: 'scram-sha-256', scram: 'scram-sha-256' },
  });
});

afterAll(() => secured.dispose());

/** The values of channel_binding. */
const channel = {
  tls: (): ConnectionOptions => ({ sslmode: 'require' }),
  clear: (): ConnectionOptions => ({ sslmode: 'disable' }),
  socket: (): ConnectionOptions => ({ host: secured.socketFolder }),
};

/** A relay that terminates TLS, with a valid certificate for the server's name. */
async function relayed(connection: ConnectionOptions, options?: Partial<RelayOptions>): Promise<string> {
  const relay = await TlsRelay.before(secured.server, { certificate: await secured.ca.server(), ...options });
  try {
    return await secured.outcome({ port: relay.port, sslmode: 'require', ...connection });
  } finally {
    await relay.close();
  }
}

describe('channel binding', () => {
  const over = (binding: string, user: string, where: ConnectionOptions): Promise<string> =>
    secured.outcome({ user, channel_binding: binding, ...where });

  it.each(['disable', 'prefer'])('%s allows all roles to connect', async (binding) => {
    for (const [user] of ASKED) {
      expect(await over(binding, user, channel.tls())).toMatch(/TLSv1\.3$/);
      if (user !== 'clear') expect(await over(binding, user, channel.clear())).toMatch(/clear$/);
    }
  });

  it('require needs SCRAM over TLS', async () => {
    for (const [user, asked] of ASKED) {
      const expected = asked === 'scram-sha-256' ? expect.stringMatching(/TLSv1\.3$/) : 'AUTHENTICATION_REFUSED';
      expect([user, await over('require', user, channel.tls())]).toEqual([user, expected]);
      expect(await over('require', user, channel.clear())).toBe('AUTHENTICATION_REFUSED');
    }
    expect(await over('require', 'scram', channel.socket())).toBe('AUTHENTICATION_REFUSED');
    expect(await over('require', 'trusted', channel.socket())).toBe('AUTHENTICATION_REFUSED');
  });

  it.each<[user: string, binding: string, outcome: string]>([
    ['scram', 'disable', IN],
    // The server's certificate differs.
    ['scram', 'prefer', 'SERVER_VERIFICATION_FAILED'],
    ['scram', 'require', 'SERVER_VERIFICATION_FAILED'],
    ['md5', 'prefer', 'md5, TLSv1.3'],
    ['md5', 'require', 'AUTHENTICATION_REFUSED'],
  ])('of role %s with %s, through a relay: %s', async (user, binding, outcome) => {
    expect(await relayed({ user, channel_binding: binding })).toBe(outcome);
  });

  it('is missed by the server if a relay removes it from the offer', async () => {
    const offers: string[] = [];
    const edit = (message: Buffer): Buffer => {
      const text = message.toString('latin1');
      if (!text.includes('SCRAM-SHA-256-PLUS\0')) return message;
      offers.push(text.slice(9));
      const rest = Buffer.from(text.replace('SCRAM-SHA-256-PLUS\0', ''), 'latin1');
      rest.writeInt32BE(rest.length - 1, 1);
      return rest;
    };
    expect(await relayed({ user: 'scram' }, { edit })).toBe('SERVER_VERIFICATION_FAILED');
    expect(await relayed({ user: 'scram', channel_binding: 'require' }, { edit })).toBe('AUTHENTICATION_REFUSED');
    expect(await relayed({ user: 'scram', channel_binding: 'disable' }, { edit })).toBe(IN);
    expect(offers).toEqual(Array.from({ length: 3 }, () => 'SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0'));
  });

  it('is impossible if TLS is terminated before the server', async () => {
    expect(await relayed({ user: 'scram' }, { tls: false })).toBe('scram-sha-256, clear');
    expect(await relayed({ user: 'scram', channel_binding: 'require' }, { tls: false })).toBe('AUTHENTICATION_REFUSED');
  });

  it.each<[kind: KeyKind, bound: string]>([
    ['p384', IN],
    ['rsa-pss', IN],
    // Its signature has no hash, so channel binding is undefined.
    ['ed25519', 'AUTHENTICATION_REFUSED'],
  ])('with a certificate signed by %s: %s', async (kind, bound) => {
    const issuer = await Authority.make({ kind });
    await secured.show(await issuer.server());
    const connection = { user: 'scram', sslmode: 'require' };
    expect(await secured.outcome(connection)).toBe(IN);
    expect(await secured.outcome({ ...connection, channel_binding: 'require' })).toBe(bound);
  });
});
