import { ProtocolError } from '../common/errors';
import { Authenticator } from '../wire/authentication';
import type { AuthenticationPolicy } from '../wire/authentication-policy';
import type { BackendMessage, NegotiateProtocolVersion } from '../wire/backend';
import type { ChannelSecurity } from '../wire/channel-security';
import { encodeStartupMessage } from '../wire/frontend';
import { getCount, getText, type ProtocolRoutine } from './protocol-routine';
import { toServerError } from './server-errors';
import { applySettings } from './session-settings';

/** The user, the database, and the parameters of the StartupMessage. */
export interface StartupOptions {
  readonly policy: AuthenticationPolicy;
  readonly database: string;
  readonly applicationName: string;
  /** Whether to start a walsender, whose number max_wal_senders limits. Default true. */
  readonly replication?: boolean;
  /** Command-line options for the server process, as in libpq's `options`. */
  readonly options: string | undefined;
}

/** The key of a CancelRequest, which cancels the running command of a connection. */
export interface BackendKey {
  readonly processId: number;
  readonly secret: Buffer;
}

/** Properties of the server that start-up reads. */
export interface ServerInfo {
  /** As in server_version_num: 180004 is 18.4. */
  readonly version: number;
  /** In ms; 0 if the server has no timeout for silent clients. */
  readonly walSenderTimeout: number;
  readonly walLevel: string;
  readonly database: string;
  /** Whether the server is in recovery (hot standby). */
  readonly standby: boolean;
  /** Whether transactions are read-only; on a standby they always are. */
  readonly readOnly: boolean;
}

/** The maximum number of messages before ReadyForQuery. A server sends about twenty; a hostile one could send notices endlessly. */
const MAX_MESSAGES = 1000;

/** Runs the start-up from StartupMessage to the first ReadyForQuery. */
function* authenticate(
  startup: StartupOptions,
  channel: ChannelSecurity,
  onKey: (key: BackendKey) => void,
): ProtocolRoutine<void> {
  const { policy, database, applicationName, replication = true, options } = startup;
  const authenticator = new Authenticator(policy, channel);
  // Only parameters that every proxy and pooler forwards; applySettings() sets the others.
  const parameters = {
    ...(replication && { replication: 'database' }),
    user: policy.user,
    database,
    application_name: applicationName,
    ...(options ? { options } : {}),
  };
  let message = yield { send: encodeStartupMessage(parameters) };
  for (let count = 1; ; count++) {
    if (count > MAX_MESSAGES) {
      throw new ProtocolError(`The server sent more than ${MAX_MESSAGES} messages during start-up`);
    }
    let send: Buffer | undefined;
    switch (message.kind) {
      case 'readyForQuery':
        requireAuthenticated(authenticator, message);
        return;
      case 'backendKeyData':
        requireAuthenticated(authenticator, message);
        onKey(message);
        break;
      case 'parameterStatus':
        requireAuthenticated(authenticator, message);
        break;
      case 'error':
        throw authenticator.explain(toServerError(message.fields));
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

/** Rejects a message that the server may send only after AuthenticationOk. */
function requireAuthenticated(authenticator: Authenticator, { kind }: BackendMessage): void {
  if (!authenticator.done) throw new ProtocolError(`The server sent ${kind} before AuthenticationOk`);
}

/**
 * Rejects negotiation: the library requests protocol 3.0 without protocol options, so there is no lower version.
 *
 * Source: manual, "Start-up", and NegotiateProtocolVersion in "Message Formats".
 */
function checkProtocol({ minorVersion, options }: NegotiateProtocolVersion): void {
  if (minorVersion === 0 && options.length === 0) return;
  throw new ProtocolError(
    `The server negotiates protocol 3.${minorVersion} and rejects ${options.length} protocol options; expected 3.0 and none`,
  );
}

/** The columns of {@link ServerInfo}, except the version, for the query that reads the settings back. */
const SERVER_COLUMNS = `pg_catalog.current_setting('wal_level') AS wal_level, pg_catalog.current_database() AS database,
  pg_catalog.pg_is_in_recovery() AS in_recovery, pg_catalog.current_setting('transaction_read_only') AS read_only,
  (SELECT setting FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'wal_sender_timeout') AS wal_sender_timeout`;

/** Runs start-up and authentication, and sets the session settings that every later step relies on. */
export function* startUp(
  startup: StartupOptions,
  channel: ChannelSecurity,
  onKey: (key: BackendKey) => void,
): ProtocolRoutine<ServerInfo> {
  yield* authenticate(startup, channel, onKey);
  const row = yield* applySettings(SERVER_COLUMNS);
  return {
    version: getCount(row, 'version'),
    walSenderTimeout: getCount(row, 'wal_sender_timeout'),
    walLevel: getText(row, 'wal_level'),
    database: getText(row, 'database'),
    standby: getText(row, 'in_recovery') === 't',
    readOnly: getText(row, 'read_only') === 'on',
  };
}
