import { ProtocolError } from '../common/errors';
import { Authenticator } from '../wire/authentication';
import type { AuthenticationPolicy } from '../wire/authentication-policy';
import type { BackendMessage, NegotiateProtocolVersion } from '../wire/backend';
import type { ChannelSecurity } from '../wire/channel-security';
import { encodeStartupMessage } from '../wire/frontend';
import { getCount, getText, type ProtocolRoutine } from './protocol-routine';
import { toServerError } from './server-errors';
import { applySettings } from './session-settings';

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

/** Servers send about twenty. Notices, say, could go on for ever. */
const MOST_MESSAGES = 1000;

/** From the start-up message to the first ReadyForQuery. */
function* authenticate(
  startup: StartupOptions,
  channel: ChannelSecurity,
  onKey: (key: BackendKey) => void,
): ProtocolRoutine<void> {
  const { policy, database, applicationName, replication = true, options } = startup;
  const authenticator = new Authenticator(policy, channel);
  // What every proxy and pooler passes on; applySettings() does the rest.
  const parameters = {
    ...(replication && { replication: 'database' }),
    user: policy.user,
    database,
    application_name: applicationName,
    ...(options ? { options } : {}),
  };
  let message = yield { send: encodeStartupMessage(parameters) };
  for (let heard = 1; ; heard++) {
    if (heard > MOST_MESSAGES) {
      throw new ProtocolError(`The server sent more than ${MOST_MESSAGES} messages before it had let us in`);
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

/** What comes after authentication must not come in place of it. */
function requireAuthenticated(authenticator: Authenticator, { kind }: BackendMessage): void {
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

/** What start-up finds out about the server, besides its version, as columns of a query. */
const SERVER_COLUMNS = `pg_catalog.current_setting('wal_level') AS wal_level, pg_catalog.current_database() AS database,
  pg_catalog.pg_is_in_recovery() AS in_recovery, pg_catalog.current_setting('transaction_read_only') AS read_only,
  (SELECT setting FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'wal_sender_timeout') AS wal_sender_timeout`;

/** Start-up, authentication, and the settings that every later step relies on. */
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
