import { userInfo } from 'node:os';
import { ConfigError } from '../common/errors';
import { isRecord, listOptionNames, OptionReader, formatValue, MAX_TIMER_DELAY_MS } from '../common/option-reader';
import type { StartupOptions } from '../commands/startup';
import { readChannelBinding, readMethods } from './authentication-options';
import { parseConnectionString } from './connection-string';
import { getCertificateDirectory, getPasswordFile } from './home';
import type { ServerConfig } from './connection-options';
import { describeMissingFields } from './missing-fields';
import { parseHosts, type Hosts } from './hosts';
import { IGNORED, MISPLACED, PARAMETERS, Parameters } from './parameters';
import { Credentials, type CredentialProvider } from './credentials';
import { readTls } from './tls-settings';

export const SERVER_OPTIONS = listOptionNames<ServerConfig>({
  connection: true,
  connectTimeout: true,
  closeTimeout: true,
});

/** A validated {@link ServerConfig} with defaults applied. */
export interface ConnectionSettings {
  readonly hosts: Hosts;
  /** A sentence about options that were probably forgotten, for the error of a failed connection. */
  readonly missingFieldsHint?: string | undefined;
  readonly startup: StartupOptions;
  readonly credentials: Credentials;
  /** Timeout for each host, in ms, for connecting and the commands that follow. */
  readonly connectTimeout: number;
  /** Timeout for closing gracefully, in ms. */
  readonly closeTimeout: number;
}

const DEFAULT_TIMEOUT = 15_000;

/**
 * Resolves a {@link ServerConfig} from the options, the connection string and the environment, in this order of precedence.
 */
export function resolveConnection(config: OptionReader, env: NodeJS.ProcessEnv = process.env): ConnectionSettings {
  const { own, parameters } = read(config, env);
  const user = parameters.text('user') ?? getSystemUser();
  if (!user) throw new ConfigError('connection.user', 'missing; set the PostgreSQL user');
  const database = parameters.text('database') ?? user;
  const password = own.get('password');
  const hosts = parseHosts(
    parameters,
    readTls(parameters, getCertificateDirectory(env)),
    readKeepAlive(own, parameters),
  );
  // Report invalid files at once, but only if a host uses TLS.
  hosts.targets.find(({ tls }) => tls)?.tls?.options();
  return {
    connectTimeout: config.ms('connectTimeout', readTimeout(own, parameters), 1),
    closeTimeout: config.ms('closeTimeout', 5000),
    hosts,
    missingFieldsHint: describeMissingFields(config.get('connection'), {
      host: parameters.text('host'),
      user,
      database,
    }),
    startup: {
      database,
      applicationName:
        parameters.text('application_name') ?? parameters.text('fallback_application_name') ?? 'rxjs-pg-replication',
      options: parameters.text('options'),
      policy: { user, ...readMethods(parameters), channelBinding: readChannelBinding(parameters) },
    },
    credentials: new Credentials({
      user,
      database,
      password: isConnectionSource(password) ? password : parameters.text('password'),
      passfile: parameters.text('passfile') ?? getPasswordFile(env),
      oauthToken: readSource(own, 'oauthToken'),
    }),
  };
}

function read(config: OptionReader, env: NodeJS.ProcessEnv): { own: OptionReader; parameters: Parameters } {
  const connection = config.get('connection') ?? {};
  if (connection instanceof URL)
    throw new ConfigError('connection', 'expected the URI as text, got a URL; pass url.href');
  if (isRecord(connection) && typeof connection['query'] === 'function') {
    throw new ConfigError(
      'connection',
      'expected options, got a client or a pool; pass the options with which it was created',
    );
  }
  const values = typeof connection === 'string' ? { connectionString: connection } : connection;
  const known = ['connectionString', ...PARAMETERS, 'oauthToken', 'ssl'];
  const own = new OptionReader('connection', values, known, { ignored: IGNORED, misplaced: MISPLACED });
  const text = own.text('connectionString');
  const given = text === undefined ? new Map<string, string>() : parseConnectionString('connection', text);
  return { own, parameters: new Parameters(own, given, env) };
}

/** If both are given, libpq's name overrides that of `pg`. */
function readTimeout(own: OptionReader, parameters: Parameters): number {
  const ofPg = parameters.has('connect_timeout') ? undefined : readNumber(own, 'connectionTimeoutMillis');
  if (ofPg !== undefined) return ofPg > 0 ? Math.min(ofPg, MAX_TIMER_DELAY_MS) : MAX_TIMER_DELAY_MS;
  const seconds = parameters.integer('connect_timeout');
  if (seconds === undefined) return DEFAULT_TIMEOUT;
  return seconds > 0 ? Math.min(seconds * 1000, MAX_TIMER_DELAY_MS) : MAX_TIMER_DELAY_MS;
}

function readKeepAlive(own: OptionReader, parameters: Parameters): number | undefined {
  const switched = parameters.has('keepalives') ? undefined : parameters.own('keepAlive');
  const isOn = switched === undefined ? parameters.flag('keepalives', true) : own.flag('keepAlive', true);
  if (!isOn) return undefined;
  const ofPg = parameters.has('keepalives_idle') ? undefined : readNumber(own, 'keepAliveInitialDelayMillis');
  return ofPg ?? Math.max(0, parameters.integer('keepalives_idle') ?? 0) * 1000;
}

function readNumber(own: OptionReader, name: string): number | undefined {
  const value = own.get(name) ?? undefined;
  return value === undefined ? undefined : own.number(name, 0, 0);
}

function isConnectionSource(value: unknown): value is CredentialProvider {
  return typeof value === 'function';
}

function readSource(own: OptionReader, name: string): CredentialProvider | undefined {
  const value = own.get(name) ?? undefined;
  if (value === undefined || isConnectionSource(value)) return value;
  throw own.error(
    name,
    `expected a function that returns it, got ${typeof value === 'number' ? 'a number' : formatValue(value)}`,
  );
}

function getSystemUser(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    // The user has no passwd entry, as in some containers.
    return undefined;
  }
}
