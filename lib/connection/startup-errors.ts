import { ConnectionError, ProtocolError } from '../common/errors';
import { formatAddress } from '../net/address';
import type { Target } from '../net/target';

const ERROR = 0x45; // E

/**
 * A server that cannot fork a process for a connection sends `E`, plain text without a length word, and closes the connection.
 * Source: report_fork_failure_to_client in postmaster.c.
 *
 * @throws {ConnectionError} `CONNECTION_LOST` when the first bytes are such a text
 */
export function rejectPlainTextError(first: Buffer): void {
  const [tag, ...text] = first.subarray(0, 5);
  // A plausible length word begins with 0, and an implausible one has bytes that UTF-8 text has not.
  if (tag !== ERROR || text.length < 4 || text.some((byte) => byte < 0x20 || byte >= 0xf8)) return;
  throw new ConnectionError('CONNECTION_LOST', 'The server refused the connection before it had a process for it', {
    remedy: "See the server's log: it may be out of processes or memory.",
  });
}

/** @param isAuthenticated whether the server had accepted the client */
export function createConnectTimeoutError(target: Target, ms: number, isAuthenticated: boolean): ConnectionError {
  const address = formatAddress(target);
  if (!isAuthenticated) return new ConnectionError('CONNECT_TIMEOUT', `${address} was not ready within ${ms} ms`);
  return new ConnectionError(
    'CONNECT_TIMEOUT',
    `${address} accepted the connection, but did not answer within ${ms} ms`,
    {
      remedy:
        'See pg_stat_activity and pg_locks for what its process waits for, such as a locked table; or raise connectTimeout.',
    },
  );
}

/** @internal */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new ProtocolError(String(thrown));
}
