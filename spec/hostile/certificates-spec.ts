import { writeToFolder, type CertificateFiles } from '../support/certificate-files';
import { A_YEAR_LATER, Authority, LONG_AGO, selfSigned, type Credentials } from '../support/certificates';
import { attack, expectRefusal } from './support/attack';
import type { Script } from './support/hostile-server';
import { CLEARTEXT } from './support/requests';

let ca: Authority;
let revoked: Credentials;
let files: CertificateFiles<'root.crt' | 'root.crl' | 'other.crl'>;

beforeAll(async () => {
  ca = await Authority.make();
  revoked = await ca.server();
  files = writeToFolder({
    'root.crt': ca.cert,
    'root.crl': await ca.revocations(revoked),
    'other.crl': await (await Authority.make()).revocations(),
  });
});

afterAll(() => files.remove());

/** Presents this certificate, and requests the password. */
const showing =
  (credentials: Credentials): Script =>
  async (peer) => {
    await peer.sslRequest();
    peer.send(Buffer.from('S'));
    await peer.secure(credentials);
    peer.send(CLEARTEXT);
    await peer.next();
  };

interface Case {
  readonly what: string;
  readonly shows: () => Promise<Credentials>;
  readonly message: RegExp;
  /** Modes that do not verify the certificate. */
  readonly passes?: readonly string[];
  readonly sslcrl?: 'root.crl' | 'other.crl';
}

const tomorrow = (): Date => new Date(Date.now() + 24 * 3_600_000);

const CASES: readonly Case[] = [
  {
    what: 'for another host',
    shows: () => ca.server({ hosts: ['db.example'] }),
    message: /is for another host \(.*127\.0\.0\.1.*\)\. Set host to a name in the certificate/s,
    passes: ['verify-ca'],
  },
  {
    what: 'for no host',
    shows: () => ca.server({ hosts: [], name: '127.0.0.1' }),
    message: /is for another host/,
    passes: ['verify-ca'],
  },
  {
    what: 'that has expired',
    shows: () => ca.server({ notBefore: LONG_AGO, notAfter: A_YEAR_LATER }),
    message: /has expired \(.*\)\. Renew/,
  },
  {
    what: 'that is not valid yet',
    shows: () => ca.server({ notBefore: tomorrow(), notAfter: new Date(tomorrow().getTime() + 1000) }),
    message: /is not valid yet \(.*\)\. Correct the clock of this machine/,
  },
  {
    what: 'that vouches for itself',
    shows: () => selfSigned(),
    message: /self-signed and not trusted \(.*\)\. Obtain the cert/,
  },
  {
    what: 'of an authority that is not known',
    shows: async () => (await Authority.make()).server(),
    message: /is not trusted \(.*\)\. Set sslrootcert .* to the issuer's root certificate/,
  },
  {
    what: 'of somebody who has one himself, but is no authority',
    shows: async () => {
      const { signer } = ca;
      const own = await ca.server({ name: 'middle' });
      const middle = Object.assign(Object.create(Authority.prototype) as Authority, {
        signer: { ...signer, name: 'CN=middle' },
      });
      const made = await middle.server();
      return { ...made, cert: made.cert + own.cert };
    },
    message: /The TLS handshake failed|is not trusted/,
  },
  { what: 'that was revoked', shows: () => Promise.resolve(revoked), message: /was revoked/, sslcrl: 'root.crl' },
  {
    what: 'of which nobody says whether it was revoked',
    shows: () => ca.server(),
    message: /revocation status .* is unknown \(.*\)\. Set sslcrl to a file with a current/,
    sslcrl: 'other.crl',
  },
];

const EVERY_WAY = CASES.flatMap(({ passes = [], ...rest }) =>
  ['verify-ca', 'verify-full'].filter((sslmode) => !passes.includes(sslmode)).map((sslmode) => ({ sslmode, ...rest })),
);

describe('a server that presents a certificate', () => {
  it.each(EVERY_WAY)(
    '$what receives nothing but the TLS handshake, with $sslmode',
    async ({ sslmode, shows, message, sslcrl }) => {
      const connection = {
        sslmode,
        sslrootcert: files.paths['root.crt'],
        ...(sslcrl && { sslcrl: files.paths[sslcrl] }),
      };
      const { peers, error } = await expectRefusal(attack(showing(await shows()), connection), 'TLS_FAILED', message);
      expect(error.retryable).toBe(false);
      for (const peer of peers) {
        expect(peer.inside.toString()).toBe('');
        expect(peer.clear).toHaveLength(8);
      }
    },
  );

  it('is verified by every setting that has a certificate authority', async () => {
    for (const sslmode of ['prefer', 'require']) {
      await expectRefusal(
        attack(showing(await selfSigned()), { sslmode, sslrootcert: files.paths['root.crt'] }),
        'TLS_FAILED',
        /self-signed/,
      );
    }
    await expectRefusal(attack(showing(await selfSigned()), { ssl: true }), 'TLS_FAILED', /self-signed/);
    await expectRefusal(attack(showing(await selfSigned()), { ssl: {} }), 'TLS_FAILED', /self-signed/);
  });

  it('cannot inject control characters into an error by a name, nor make the error long', async () => {
    const names = Array.from({ length: 500 }, (_, i) => `host-${i}.example`);
    const connection = { sslmode: 'verify-full', sslrootcert: files.paths['root.crt'] };
    const steering = attack(showing(await ca.server({ hosts: [], name: 'a\u001b[2Jb\u202ec' })), {
      ...connection,
      host: 'db.example',
      hostaddr: '127.0.0.1',
    });
    const { error } = await expectRefusal(steering, 'TLS_FAILED', /is for another host/);
    expect(/[\p{Cc}\p{Cf}]/u.exec(error.message)).toBeNull();
    const filling = await attack(showing(await ca.server({ hosts: names })), connection);
    expect(filling.error.message.length).toBeLessThan(1500);
  });
});
