import type { ErrorCode } from '../common/error-codes';
import { ConnectionError, ReplicationError } from '../common/errors';
import { formatAddress } from './address';
import type { Target } from './target';

/** Error codes for the error names of the operating system. */
const BY_ERRNO: Readonly<Record<string, ErrorCode>> = {
  ENOTFOUND: 'HOST_UNKNOWN',
  EAI_AGAIN: 'HOST_UNKNOWN',
  EAI_FAIL: 'HOST_UNKNOWN',
  ECONNREFUSED: 'CONNECTION_REFUSED',
  ENOENT: 'CONNECTION_REFUSED', // no such Unix socket
  EACCES: 'CONNECTION_REFUSED',
  EHOSTUNREACH: 'HOST_UNREACHABLE',
  ENETUNREACH: 'HOST_UNREACHABLE',
  EADDRNOTAVAIL: 'HOST_UNREACHABLE',
  EINVAL: 'HOST_UNREACHABLE',
  ETIMEDOUT: 'CONNECT_TIMEOUT',
};

const ABSTRACT_SOCKET_REMEDY =
  "Check unix_socket_directories of the server; Linux' abstract namespace needs Node.js 22 or later.";

/** Creates the error for a connection that ended before the server was ready. */
export function toConnectError(target: Target, cause: Error | undefined): ReplicationError {
  if (cause instanceof ReplicationError) return cause;
  const where = formatAddress(target);
  const errno = cause && 'code' in cause ? String(cause.code) : undefined;
  const code = errno ? BY_ERRNO[errno] : undefined;
  // Older versions of Node.js pad the name with NUL bytes, which makes it a different name.
  const remedy = target.host.startsWith('@') ? ABSTRACT_SOCKET_REMEDY : undefined;
  if (code) return new ConnectionError(code, `Cannot connect to ${where} (${errno ?? ''})`, { cause, remedy });
  return new ConnectionError('CONNECTION_LOST', `The connection to ${where} ended before the server was ready`, {
    cause,
  });
}
