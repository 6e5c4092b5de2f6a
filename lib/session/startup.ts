import { ProtocolError } from '../errors';
import { Authenticator } from '../wire/authentication';
import type { AuthenticationPolicy } from '../wire/authentication-policy';
import type { BackendMessage, NegotiateProtocolVersion } from '../wire/backend';
import type { Channel } from '../wire/channel';
import { startupMessage } from '../wire/frontend';
import { countOf, onlyRow, query, textOf, type Conversation } from './conversation';
import { serverError } from './server-errors';

/** Who connects, and to what. */
export interface StartupOptions {
  readonly policy: AuthenticationPolicy;
  readonly database: string;
  readonly applicationName: string;
  /** Whether it is to be a walsender, of which a server has few. Default true. */
  readonly replication?: boolean;
  /** Command-line options for the server process, as in libpq's `options`. */
  readonly options: string | undefined;
}

/** What is needed to cancel the command that a connection is busy with. */
export interface BackendKey {
  readonly processId: number;
  readonly secret: Buffer;
}

/** What start-up found out about the server. */
export interface ServerInfo {
  /** As in server_version_num: 180004 is 18.4. */
  readonly version: number;
  /** In ms; 0 when the server never gives up a silent client. */
  readonly walSenderTimeout: number;
  readonly walLevel: string;
  readonly database: string;
  /** Whether it follows another server (hot standby). */
  readonly standby: boolean;
  /** Whether transactions are read-only, of which a standby's always are. */
  readonly readOnly: boolean;
}

/**
 * The settings that decide how values are written and how long a session lives. A role or a database may have set them
 * to anything, and what stands in the start-up message wins over that.
 */
const PINNED: Readonly<Record<string, string>> = {
  client_encoding: 'UTF8',
  datestyle: 'ISO, MDY',
  intervalstyle: 'postgres',
  timezone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '3',
  // In binary, money comes without its currency: text shall not depend on where the server stands either.
  lc_monetary: 'C',
  search_path: 'pg_catalog',
  // The warning that a publication was skipped must not be filtered out.
  client_min_messages: 'warning',
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
};

/** Time-outs that older servers do not know, by the version that brought them. */
const PINNED_SINCE: readonly (readonly [version: number, setting: string])[] = [
  [140000, 'idle_session_timeout'],
  [170000, 'transaction_timeout'],
];

/** Servers send about twenty. Notices, say, could go on for ever. */
const MOST_MESSAGES = 1000;

/** From the start-up message to the first ReadyForQuery. */
function* authenticate(
  startup: StartupOptions,
  channel: Channel,
  onKey: (key: BackendKey) => void,
): Conversation<void> {
  const { policy, database, applicationName, replication = true, options } = startup;
  const authenticator = new Authenticator(policy, channel);
  const parameters = {
    ...PINNED,
    ...(replication && { replication: 'database' }),
    user: policy.user,
    database,
    application_name: applicationName,
    ...(options ? { options } : {}),
  };
  let message = yield { send: startupMessage(parameters) };
  for (let heard = 1; ; heard++) {
    if (heard > MOST_MESSAGES) {
      throw new ProtocolError(`The server sent more than ${MOST_MESSAGES} messages before it had let us in`);
    }
    let send: Buffer | undefined;
    switch (message.kind) {
      case 'readyForQuery':
        admitted(authenticator, message);
        return;
      case 'backendKeyData':
        admitted(authenticator, message);
        onKey(message);
        break;
      case 'parameterStatus':
        admitted(authenticator, message);
        break;
      case 'error':
        throw authenticator.explain(serverError(message.fields));
      case 'negotiateProtocolVersion':
        checkProtocol(message);
        break;
      case 'notice':
        break;
      case 'authenticationOk':
      case 'authenticationCleartext':
      case 'authenticationMd5':
      case 'authenticationSasl':
      case 'authenticationSaslContinue':
      case 'authenticationSaslFinal':
      case 'authenticationOther':
        send = yield* authenticator.respond(message);
        break;
      default:
        throw new ProtocolError(`The server sent ${message.kind} during start-up`);
    }
    message = yield send ? { send } : {};
  }
}

/** What comes after authentication must not come in place of it. */
function admitted(authenticator: Authenticator, { kind }: BackendMessage): void {
  if (!authenticator.done) throw new ProtocolError(`The server sent ${kind}; expected it to let us in first`);
}

/**
 * We ask for protocol 3.0 without options of it, below which there is nothing to negotiate.
 *
 * Source: manual, "Start-up", and NegotiateProtocolVersion in "Message Formats".
 */
function checkProtocol({ minorVersion, options }: NegotiateProtocolVersion): void {
  if (minorVersion === 0 && options.length === 0) return;
  throw new ProtocolError(
    `The server answers protocol 3.0 with 3.${minorVersion} and refuses ${options.length} options; expected 3.0 and none`,
  );
}

/** Start-up, authentication, and the settings that every later step relies on. */
export function* startUp(
  startup: StartupOptions,
  channel: Channel,
  onKey: (key: BackendKey) => void,
): Conversation<ServerInfo> {
  yield* authenticate(startup, channel, onKey);
  const row = onlyRow(
    yield* query(
      `SELECT current_setting('server_version_num') AS version, current_setting('wal_level') AS wal_level,
        current_database() AS database, pg_is_in_recovery() AS in_recovery,
        current_setting('transaction_read_only') AS read_only,
        (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout') AS wal_sender_timeout`,
    ),
    'its settings',
  );
  const version = countOf(row, 'version');
  for (const [since, setting] of PINNED_SINCE) {
    if (version >= since) yield* query(`SET ${setting} = 0`);
  }
  return {
    version,
    walSenderTimeout: countOf(row, 'wal_sender_timeout'),
    walLevel: textOf(row, 'wal_level'),
    database: textOf(row, 'database'),
    standby: textOf(row, 'in_recovery') === 't',
    readOnly: textOf(row, 'read_only') === 'on',
  };
}
