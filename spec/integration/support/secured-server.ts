import { inspect } from 'node:util';
import { firstValueFrom, type Observable } from 'rxjs';
import { identifySystem, ReplicationError, type ConnectionOptions, type SystemIdentity } from '../../../lib/index';
import { Authority, type Credentials } from '../../support/certificates';
import { startServer, uniqueName, type TestServer } from '../../support/server';
import { expectNoSocketLeft } from './life';
import { waitUntil } from './bed';

/** The form in which a role's password is stored; none: it has no password. */
export type Kept = 'none' | 'md5' | 'scram-sha-256';

export interface SecuredOptions {
  /** Lines of pg_hba.conf. */
  readonly hba: readonly string[];
  readonly roles: Readonly<Record<string, Kept>>;
  readonly settings?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  /** Default: a new one. */
  readonly clientCa?: Authority;
}

/** The password of all roles. Nothing else contains this word. */
export const PASSWORD = 'sesame42';

/** The server's log entry of an authenticated session. */
export interface LoggedSession extends SystemIdentity {
  readonly user: string;
  /** As in pg_hba.conf. */
  readonly method: string;
  /** The authenticated identity: a role, a certificate's subject, or a system user; undefined for none. */
  readonly identity: string | undefined;
  /** The TLS version; undefined without TLS. */
  readonly tls: string | undefined;
}

/** A server with TLS that logs how each session was authenticated. */
export class SecuredServer {
  readonly #address: ConnectionOptions;

  private constructor(
    readonly server: TestServer,
    /** The issuer of the server's certificate. */
    readonly ca: Authority,
    /** The issuer of the clients' certificates. */
    readonly clientCa: Authority,
    readonly certificate: Credentials,
    readonly socketFolder: string,
  ) {
    const { host, port } = server;
    this.#address = { host, port, database: 'postgres', password: PASSWORD };
  }

  static async start({ hba, roles, settings, files, ...given }: SecuredOptions): Promise<SecuredServer> {
    setEnvironment('/nowhere');
    const ca = await Authority.make();
    const clientCa = given.clientCa ?? (await Authority.make());
    const certificate = await ca.server();
    const server = await startServer({
      hba: hba.join('\n'),
      settings: {
        ssl: 'on',
        ssl_cert_file: 'server.crt',
        ssl_key_file: 'server.key',
        ssl_ca_file: 'client-ca.crt',
        log_connections: 'on',
        ...settings,
      },
      files: {
        'server.crt': certificate.cert,
        'server.key': certificate.key,
        'client-ca.crt': clientCa.cert,
        ...files,
      },
    });
    const commands = Object.entries(roles).map(
      ([role, kept]) => `CREATE ROLE ${role} LOGIN REPLICATION; ${kept === 'none' ? '' : passwordOf(role, kept)}`,
    );
    await server.query(commands.join('; '));
    const [row] = await server.query<{ folder: string }>(`SELECT current_setting('unix_socket_directories') AS folder`);
    return new SecuredServer(server, ca, clientCa, certificate, row?.folder ?? '');
  }

  async dispose(): Promise<void> {
    await this.server.dispose();
  }

  /** Defaults: the server's address, the database `postgres` and {@link PASSWORD}. */
  options(connection: ConnectionOptions): ConnectionOptions {
    return { ...this.#address, ...connection };
  }

  /** Connects, and returns how the server authenticated the session; an object is completed by {@link options}. */
  async logIn(connection?: ConnectionOptions | string): Promise<LoggedSession> {
    const name = uniqueName('admitted');
    const whole = typeof connection === 'object' ? this.options(connection) : connection;
    const system = await expectNoSocketLeft(() => firstValueFrom(identifyAs(name, whole)));
    return { ...system, ...parseLog(name, await this.server.log()) };
  }

  /** The same as text: the method and the channel, or the error's code. */
  async outcome(connection?: ConnectionOptions | string): Promise<string> {
    const admitted = await this.logIn(connection).catch((error: unknown) => error);
    if (!isLoggedSession(admitted)) return expectNoSecret(admitted).code;
    return `${admitted.method}, ${admitted.tls ?? 'clear'}`;
  }

  /** The error of a connection that fails. */
  async refusal(connection?: ConnectionOptions | string): Promise<ReplicationError> {
    const admitted = await this.logIn(connection).catch((error: unknown) => error);
    if (isLoggedSession(admitted)) throw new Error(`The server has accepted the connection: ${inspect(admitted)}`);
    return expectNoSecret(admitted);
  }

  async setPassword(role: string, password: string, kept: Kept = 'scram-sha-256'): Promise<void> {
    await this.server.query(passwordOf(role, kept, password));
  }

  /** Replaces the server's certificate. */
  async show({ cert, key }: Pick<Credentials, 'cert' | 'key'>): Promise<void> {
    await this.#reload(`${overwriting('ssl_cert_file', cert)}; ${overwriting('ssl_key_file', key)};`);
  }

  /** Changes settings; undefined resets one. */
  async set(settings: Readonly<Record<string, string | undefined>>): Promise<void> {
    for (const [name, value] of Object.entries(settings)) {
      const change = value === undefined ? `RESET ${name}` : `SET ${name} = '${value}'`;
      await this.server.query(`ALTER SYSTEM ${change}`);
    }
    await this.#reload();
  }

  /** Resolves when new connections use the changed files. A new process has what the postmaster has read. */
  async #reload(changing = ''): Promise<void> {
    const [before] = await this.server.query<{ at: Date }>(
      `${changing} SELECT pg_conf_load_time() AS at, pg_reload_conf()`,
    );
    await waitUntil(
      () => this.server.query<{ at: Date }>('SELECT pg_conf_load_time() AS at'),
      ([now]) => Number(now?.at) > Number(before?.at),
    );
  }
}

/** The server itself writes the file of the setting, which keeps its owner and mode. */
function overwriting(setting: string, text: string): string {
  return `DO $$ BEGIN EXECUTE format(
    'COPY (SELECT unnest(string_to_array(%L, %L))) TO %L',
    '${text.trim()}', chr(10), current_setting('${setting}')); END $$`;
}

/** The home folder and environment of the current user must have no effect. */
export function setEnvironment(home: string, variables: Readonly<Record<string, string>> = {}): void {
  for (const name of Object.keys(process.env)) if (name.startsWith('PG')) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, { HOME: home, ...variables });
}

/** Identifies the connection by its application_name, whatever its form. */
function identifyAs(name: string, connection: ConnectionOptions | string | undefined): Observable<SystemIdentity> {
  process.env['PGAPPNAME'] = name;
  try {
    return identifySystem({ connection });
  } finally {
    delete process.env['PGAPPNAME'];
  }
}

function passwordOf(role: string, kept: Kept, password = PASSWORD): string {
  return `SET password_encryption = '${kept}'; ALTER ROLE ${role} PASSWORD '${password.replaceAll("'", "''")}'`;
}

function isLoggedSession(value: unknown): value is LoggedSession {
  return typeof value === 'object' && value !== null && 'systemId' in value;
}

/** The log has one line about the identity, and one about the connection. */
function parseLog(name: string, log: string): Omit<LoggedSession, keyof SystemIdentity> {
  const authorized = new RegExp(
    `\\[(\\d+)\\].* connection authorized: user=(\\S+) .*?application_name=${name}(?: SSL enabled \\(protocol=([^,]+))?`,
  ).exec(log);
  if (!authorized) throw new Error(`The log does not tell of ${name}:\n${log}`);
  const [, pid = '', user = '', tls] = authorized;
  const authenticated = new RegExp(`\\[${pid}\\].* connection authenticated: identity="(.*)" method=(\\S+)`).exec(log);
  // Newer servers also log sessions with trust.
  return { user, tls, identity: authenticated?.[1], method: authenticated?.[2] ?? 'trust' };
}

/** Verifies that it is a ReplicationError, and that no way of printing it shows a secret. */
function expectNoSecret(error: unknown): ReplicationError {
  if (!(error instanceof ReplicationError)) throw error;
  const shown = [
    error.message,
    error.stack,
    inspect(error, { depth: 10, showHidden: true }),
    JSON.stringify(error),
    JSON.stringify(error, Object.getOwnPropertyNames(error)),
  ].join('\n');
  expect(shown).not.toContain(PASSWORD);
  expect(shown).not.toMatch(/BEGIN [A-Z ]*PRIVATE KEY/);
  return error;
}
