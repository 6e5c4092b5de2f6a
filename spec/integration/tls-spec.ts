import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { logicalReplication, reconnect, type ConnectionOptions, type ReplicationMessage } from '../../lib/index';
import { writeToFolder, type CertificateFiles } from '../support/certificate-files';
import { Authority } from '../support/certificates';
import { marked, NUMBERS } from './support/life';
import { SecuredServer } from './support/secured-server';
import { acknowledge, TestBed, waitUntil, Recorder } from './support/bed';

let secured: SecuredServer;
/** A self-signed certificate. */
let other: Authority;
let files: CertificateFiles<'root.crt'>;
let recorder: Recorder<ReplicationMessage> | undefined;

beforeAll(async () => {
  secured = await SecuredServer.start({
    hba: [
      'host all anyhow all trust',
      'hostssl all encrypted all trust',
      'hostnossl all bare all trust',
      'host all scram all scram-sha-256',
    ],
    roles: { anyhow: 'none', encrypted: 'none', bare: 'none', scram: 'scram-sha-256' },
  });
  other = await Authority.make();
  files = writeToFolder({ 'root.crt': secured.ca.cert });
});

afterAll(async () => {
  recorder?.unsubscribe();
  files.remove();
  await secured.dispose();
});

const verified = (): ConnectionOptions => ({ sslmode: 'verify-full', sslrootcert: files.paths['root.crt'] });

describe('sslmode', () => {
  it.each<[mode: string, anyhow: string, encrypted: string, bare: string]>([
    ['disable', 'trust, clear', 'HBA_REFUSED', 'trust, clear'],
    // No fallback to clear text, even if the server accepts only that.
    ['prefer', 'trust, TLSv1.3', 'trust, TLSv1.3', 'HBA_REFUSED'],
    ['require', 'trust, TLSv1.3', 'trust, TLSv1.3', 'HBA_REFUSED'],
    ['no-verify', 'trust, TLSv1.3', 'trust, TLSv1.3', 'HBA_REFUSED'],
    ['verify-ca', 'trust, TLSv1.3', 'trust, TLSv1.3', 'HBA_REFUSED'],
    ['verify-full', 'trust, TLSv1.3', 'trust, TLSv1.3', 'HBA_REFUSED'],
  ])('%s with lines for host, hostssl, hostnossl: %s; %s; %s', async (sslmode, ...outcomes) => {
    const tls = { sslmode, ...(sslmode.startsWith('verify') && { sslrootcert: files.paths['root.crt'] }) };
    const found: string[] = [];
    for (const user of ['anyhow', 'encrypted', 'bare']) found.push(await secured.outcome({ user, ...tls }));
    expect(found).toEqual(outcomes);
  });

  it('defaults to prefer', async () => {
    expect(await secured.outcome({ user: 'anyhow' })).toBe('trust, TLSv1.3');
  });

  it('allow is rejected, because it would try clear text first', async () => {
    expect(await secured.refusal({ user: 'anyhow', sslmode: 'allow' })).toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('with a server without TLS', async () => {
    await secured.set({ ssl: 'off' });
    const outcome = (tls: ConnectionOptions): Promise<string> => secured.outcome({ user: 'scram', ...tls });
    expect(await outcome({ sslmode: 'prefer' })).toBe('scram-sha-256, clear');
    expect(await outcome({ sslmode: 'prefer', channel_binding: 'require' })).toBe('AUTHENTICATION_REFUSED');
    expect(await outcome({ sslmode: 'require' })).toBe('TLS_REFUSED');
    expect(await outcome(verified())).toBe('TLS_REFUSED');
    expect(await outcome({ sslmode: 'require', sslnegotiation: 'direct' })).toBe('CONNECTION_LOST');
    await secured.set({ ssl: undefined });
    expect(await outcome(verified())).toBe('scram-sha-256, TLSv1.3');
  });
});

describe('ssl', () => {
  it.each<[what: string, ssl: () => ConnectionOptions['ssl'], outcome: string]>([
    ['false', () => false, 'trust, clear'],
    // Verified with the authorities that Node.js trusts.
    ['true', () => true, 'TLS_FAILED'],
    ['with the authority', () => ({ ca: secured.ca.cert }), 'trust, TLSv1.3'],
    ['with another authority', () => ({ ca: other.cert }), 'TLS_FAILED'],
    ['that verifies nothing', () => ({ rejectUnauthorized: false }), 'trust, TLSv1.3'],
  ])('%s', async (_, ssl, outcome) => {
    expect(await secured.outcome({ user: 'anyhow', ssl: ssl() })).toBe(outcome);
  });
});

describe('sslrootcert=system', () => {
  it('does not trust a private authority', async () => {
    const error = await secured.refusal({ user: 'anyhow', sslrootcert: 'system' });
    expect(error).toMatchObject({ code: 'TLS_FAILED', retryable: false });
    expect(error.message).toMatch(/issuer .* is not trusted/);
  });

  it('trusts an authority that is added to Node.js', async () => {
    const { host, port } = secured.server;
    const program = `require('./lib/index.ts').identifySystem().subscribe(({ database }) => console.log(database))`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', '-e', program], {
      cwd: resolve(__dirname, '../..'),
      env: {
        PATH: process.env['PATH'],
        NODE_EXTRA_CA_CERTS: files.paths['root.crt'],
        PGHOST: host,
        PGPORT: String(port),
        PGUSER: 'encrypted',
        PGDATABASE: 'postgres',
        PGSSLROOTCERT: 'system',
      },
    });
    expect(stdout).toBe('postgres\n');
  });
});

describe('sslnegotiation=direct', () => {
  it.each<ConnectionOptions>([
    { sslmode: 'require' },
    { sslmode: 'verify-full', sslrootcert: 'root.crt' },
    { sslmode: 'require', channel_binding: 'require' },
    { sslmode: 'require', ssl_max_protocol_version: 'TLSv1.2' },
  ])('with %o', async (options) => {
    const sslrootcert = options.sslrootcert && files.paths['root.crt'];
    const connection = { user: 'scram', sslnegotiation: 'direct', ...options, sslrootcert };
    if (secured.server.version >= 17) {
      const version = options.ssl_max_protocol_version ?? 'TLSv1.3';
      expect(await secured.outcome(connection)).toBe(`scram-sha-256, ${version}`);
    } else {
      const error = await secured.refusal(connection);
      expect(error.code).toBe('CONNECTION_LOST');
      expect(error.message).toMatch(/older than PostgreSQL 17/);
    }
  });
});

describe('the version of TLS', () => {
  it.each<[server: Record<string, string>, client: ConnectionOptions, outcome: string]>([
    [{}, { ssl_max_protocol_version: 'TLSv1.2' }, 'trust, TLSv1.2'],
    [{}, { ssl_min_protocol_version: 'TLSv1.3' }, 'trust, TLSv1.3'],
    [{}, { ssl: { rejectUnauthorized: false, maxVersion: 'TLSv1.2' } }, 'trust, TLSv1.2'],
    [{ ssl_max_protocol_version: 'TLSv1.2' }, {}, 'trust, TLSv1.2'],
    [{ ssl_max_protocol_version: 'TLSv1.2' }, { ssl_min_protocol_version: 'TLSv1.3' }, 'TLS_FAILED'],
    [{ ssl_min_protocol_version: 'TLSv1.3' }, { ssl_max_protocol_version: 'TLSv1.2' }, 'TLS_FAILED'],
    [{ ssl_min_protocol_version: 'TLSv1.3' }, {}, 'trust, TLSv1.3'],
  ])('%o on the server, %o on the client: %s', async (server, client, outcome) => {
    await secured.set(server);
    expect(await secured.outcome({ user: 'encrypted', ...client })).toBe(outcome);
    await secured.set(Object.fromEntries(Object.keys(server).map((name) => [name, undefined])));
  });
});

it('a stream reconnects after the certificate, and the authority, were replaced', async () => {
  const bed = await TestBed.make('tls', NUMBERS, secured.server);
  const { cert, key } = await secured.clientCa.client('somebody');
  const own = writeToFolder({ crt: cert, key });
  const ours = { sslcert: own.paths.crt, sslkey: own.paths.key };
  const { name, connection } = marked(bed.database.url, { user: 'encrypted', ...verified(), ...ours });
  const slot = await bed.slot();
  const config = { connection, slot, publications: ['pub'] };
  const stream = new Recorder(logicalReplication(config).pipe(reconnect({ initialDelay: 20 })));
  recorder = stream;
  const arrived = async (id: number): Promise<void> => {
    await bed.sql(`INSERT INTO numbers VALUES (${id})`);
    await stream.find((message) => {
      acknowledge(message);
      return message.kind === 'insert' && message.new['id'] === id;
    });
  };
  const processes = () =>
    bed.sql<{ pid: number }>(
      `SELECT pid, version, cipher, client_dn FROM pg_stat_replication JOIN pg_stat_ssl USING (pid) WHERE application_name = '${name}'`,
    );
  const again = async (): Promise<void> => {
    const [old] = await processes();
    await bed.sql(`SELECT pg_terminate_backend(${old?.pid ?? 0})`);
    await waitUntil(processes, ([now]) => now !== undefined && now.pid !== old?.pid);
  };
  await arrived(1);
  expect(await processes()).toEqual([
    {
      pid: expect.any(Number),
      version: 'TLSv1.3',
      cipher: expect.stringMatching(/^TLS_.*GCM/),
      client_dn: '/CN=somebody',
    },
  ]);

  await secured.show(await secured.ca.server());
  await again();
  await arrived(2);

  // The file is read for each connection.
  const next = await Authority.make();
  writeFileSync(files.paths['root.crt'], next.cert);
  await secured.show(await next.server());
  await again();
  await arrived(3);

  // A server with an unknown certificate is not retried.
  await secured.show(secured.certificate);
  await bed.sql(`SELECT pg_terminate_backend(${(await processes())[0]?.pid ?? 0})`);
  await expect(stream.completed()).rejects.toMatchObject({ code: 'TLS_FAILED', retryable: false });
  writeFileSync(files.paths['root.crt'], secured.ca.cert);
  own.remove();
  await bed.drop();
});
