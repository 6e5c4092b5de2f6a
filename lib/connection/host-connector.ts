import { randomInt } from 'node:crypto';
import type { ConnectionSettings } from '../config/resolve-connection';
import type { SessionAttrs } from '../config/hosts';
import { StartupConnection, type StartupHandlers } from './startup-connection';
import { toError } from './startup-errors';
import { ConnectionError, ReplicationError } from '../common/errors';
import { formatAddress } from '../net/address';
import type { Target } from '../net/target';
import type { Connect } from '../net/transport';
import type { ProtocolRoutine } from '../commands/protocol-routine';
import type { ServerInfo } from '../commands/startup';

/** Which servers match target_session_attrs, and how the others differ. */
const ATTRS_CHECKS: Readonly<Record<SessionAttrs, { fits: (server: ServerInfo) => boolean; mismatch: string }>> = {
  any: { fits: () => true, mismatch: '' },
  'read-write': { fits: ({ readOnly }) => !readOnly, mismatch: 'is read-only' },
  'read-only': { fits: ({ readOnly }) => readOnly, mismatch: 'is not read-only' },
  primary: { fits: ({ standby }) => !standby, mismatch: 'is a standby' },
  standby: { fits: ({ standby }) => standby, mismatch: 'is not a standby' },
  'prefer-standby': { fits: ({ standby }) => standby, mismatch: 'is not a standby' },
};

interface Candidate {
  readonly target: Target;
  readonly attrs: SessionAttrs;
}

/**
 * Connects to the first host that is reachable and matches target_session_attrs, and runs a routine there.
 *
 * Hosts that are unreachable, starting or full, or with which TLS fails, are skipped; any other refusal ends the search.
 *
 * Source: manual, "Specifying Multiple Hosts".
 */
export class HostConnector<T> {
  readonly #connect: Connect;
  readonly #settings: ConnectionSettings;
  readonly #startRoutine: (server: ServerInfo) => ProtocolRoutine<T>;
  readonly #handlers: StartupHandlers<T>;
  readonly #candidates: Candidate[];
  readonly #failures: Error[] = [];
  #connection: StartupConnection<T> | undefined;

  constructor(
    connect: Connect,
    settings: ConnectionSettings,
    startRoutine: (server: ServerInfo) => ProtocolRoutine<T>,
    handlers: StartupHandlers<T>,
  ) {
    this.#connect = connect;
    this.#settings = settings;
    this.#startRoutine = startRoutine;
    this.#handlers = handlers;
    this.#candidates = listCandidates(settings);
    this.#tryNextHost();
  }

  /**
   * Ends the search.
   *
   * @param done called when the connection is destroyed
   */
  abort(done: () => void): void {
    if (this.#connection) this.#connection.abort(done);
    else done();
  }

  #tryNextHost(): void {
    const candidate = this.#candidates.shift();
    if (!candidate) {
      this.#handlers.failed(this.#addMissingFieldsHint(this.#createFinalError()));
      return;
    }
    const { target, attrs } = candidate;
    let fits = false;
    let isAuthenticated = false;
    const startRoutine = (server: ServerInfo): ProtocolRoutine<T> => {
      isAuthenticated = true;
      fits = ATTRS_CHECKS[attrs].fits(server);
      if (fits) return this.#startRoutine(server);
      throw new ConnectionError('SESSION_ATTRS_MISMATCH', `${formatAddress(target)} ${ATTRS_CHECKS[attrs].mismatch}`);
    };
    this.#connection = new StartupConnection(this.#connect, target, this.#settings, startRoutine, {
      done: (outcome, connection) => {
        this.#handlers.done(outcome, connection);
      },
      failed: (error) => {
        // An error that user code throws is passed on as it is.
        if (fits || !shouldTryNextHost(error)) {
          this.#handlers.failed(isAuthenticated ? error : this.#addMissingFieldsHint(error));
          return;
        }
        this.#failures.push(toError(error));
        this.#tryNextHost();
      },
    });
  }

  /** Adds to the remedy which connection settings were not given: a default may lead to the wrong server or user. */
  #addMissingFieldsHint(error: unknown): unknown {
    const { missingFieldsHint } = this.#settings;
    if (
      missingFieldsHint === undefined ||
      !(error instanceof ReplicationError) ||
      error.code === 'CREDENTIAL_UNAVAILABLE'
    )
      return error;
    const { code, retryable, remedy } = error;
    return error.withCode(code, { retryable, remedy: `${missingFieldsHint} ${remedy}` });
  }

  /** The error of the only host, or one that lists all. */
  #createFinalError(): Error {
    // With prefer-standby each host is tried twice and may fail twice with the same error.
    const failures = [...new Map(this.#failures.map((error) => [error.message, error])).values()];
    const [first, ...others] = failures;
    if (first && others.length === 0) return first;
    const what = failures.map((error) => (error instanceof ReplicationError ? error.what : error.message)).join('; ');
    return new ConnectionError('NO_SUITABLE_HOST', `No host is suitable: ${what}`, {
      cause: new AggregateError(failures),
      retryable: failures.some((error) => error instanceof ReplicationError && error.retryable),
    });
  }
}

/** Whether the next host is tried. An error that user code throws does not depend on the host. */
function shouldTryNextHost(error: unknown): boolean {
  if (!(error instanceof ReplicationError) || error.code === 'CREDENTIAL_UNAVAILABLE') return false;
  return error.retryable || error.code.startsWith('TLS_');
}

function listCandidates({ hosts }: ConnectionSettings): Candidate[] {
  const { targets, sessionAttrs, shuffled } = hosts;
  const inOrder = shuffled ? shuffle(targets) : targets;
  const passes: SessionAttrs[] = sessionAttrs === 'prefer-standby' ? ['prefer-standby', 'any'] : [sessionAttrs];
  return passes.flatMap((attrs) => inOrder.map((target) => ({ target, attrs })));
}

/** Fisher–Yates shuffle. */
function shuffle<V>(values: readonly V[]): V[] {
  const left = [...values];
  return values.flatMap(() => left.splice(randomInt(left.length), 1));
}
