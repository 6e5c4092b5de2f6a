import { constants } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions as TlsOptions, type TLSSocket } from 'node:tls';
import { ConfigError, ConnectionError, ProtocolError } from '../common/errors';
import type { ChannelSecurity } from '../wire/channel-security';
import { encodeSslRequest } from '../wire/frontend';
import { loadSecureContext } from './secure-context';
import { createUnauthenticatedReplyError, toHandshakeError, createProtocolMismatchError } from './tls-errors';
import type { TlsSettings } from './target';

export interface TlsNegotiationHandlers {
  /** The socket is ready: a new one with TLS, the same one without. */
  readonly ready: (socket: Socket, channel: ChannelSecurity) => void;
  /** The negotiation failed. If the connection was closed, the error is that of the system. */
  readonly failed: (error: Error) => void;
}

const ACCEPTED = 0x53; // S
const REFUSED = 0x4e; // N
const ERROR = 0x45; // E

/** The name of the protocol inside TLS, as registered for ALPN. */
const PROTOCOL = 'postgresql';

/**
 * Negotiates TLS on a connected socket, with an SSLRequest unless TLS starts at once. Source: PostgreSQL
 * manual, "SSL Session Encryption".
 *
 * @param host the host that the certificate must match
 */
export function negotiateTls(socket: Socket, host: string, tls: TlsSettings, handlers: TlsNegotiationHandlers): void {
  if (tls.direct) {
    startHandshake(socket, host, tls, handlers);
    return;
  }
  socket.write(encodeSslRequest());
  socket.once('data', (answer: Buffer) => {
    if (answer[0] === ERROR) {
      handlers.failed(createUnauthenticatedReplyError());
    } else if (answer.length !== 1) {
      // Bytes after the response are not encrypted: a man in the middle may have sent them (CVE-2021-23222).
      const what = `The server sent ${answer.length} bytes in response to SSLRequest; expected one`;
      handlers.failed(new ProtocolError(what));
    } else if (answer[0] === ACCEPTED) {
      startHandshake(socket, host, tls, handlers);
    } else if (answer[0] !== REFUSED) {
      const what = `The server responded to SSLRequest with byte ${answer[0] ?? ''}; expected S or N`;
      handlers.failed(new ProtocolError(what));
    } else if (tls.optional) {
      handlers.ready(socket, { kind: 'clear' });
    } else {
      handlers.failed(new ConnectionError('TLS_REFUSED', 'The server does not support TLS'));
    }
  });
}

function startHandshake(socket: Socket, host: string, settings: TlsSettings, handlers: TlsNegotiationHandlers): void {
  let tls: TLSSocket;
  try {
    tls = connectTls({ ...buildTlsOptions(host, settings), socket });
  } catch (error) {
    handlers.failed(error instanceof Error ? error : new Error(String(error)));
    return;
  }
  const onError = (cause: Error): void => {
    handlers.failed(toHandshakeError(cause, settings.direct));
  };
  tls.on('error', onError);
  // Node verifies the certificate before this event.
  tls.once('secureConnect', () => {
    // As in libpq: without SSLRequest, only ALPN shows that the server is PostgreSQL.
    if (tls.alpnProtocol !== PROTOCOL && (settings.direct || tls.alpnProtocol !== false)) {
      handlers.failed(createProtocolMismatchError());
      return;
    }
    tls.off('error', onError);
    handlers.ready(tls, { kind: 'tls', certificate: tls.getPeerX509Certificate()?.raw });
  });
}

/** @throws {ConfigError} if an option is invalid, and errors of the function that returns the options */
function buildTlsOptions(host: string, tls: TlsSettings): TlsOptions {
  const given: TlsOptions = Object.fromEntries(
    Object.entries(readTlsOptions(tls)).filter(([, value]) => value !== undefined),
  );
  // NODE_TLS_REJECT_UNAUTHORIZED must not disable verification, so the default is set here.
  const all: TlsOptions = { minVersion: 'TLSv1.2', rejectUnauthorized: true, ...getIdentity(host), ...given };
  // No renegotiation, so that the verified server stays the same. PostgreSQL does not renegotiate since 9.5.
  const secureOptions = (given.secureOptions ?? 0) | constants.SSL_OP_NO_RENEGOTIATION;
  return { ...all, secureContext: loadSecureContext({ ...all, secureOptions }), ALPNProtocols: [PROTOCOL] };
}

/** Files that cannot be read now were readable when the stream was configured, so they are being replaced. */
function readTlsOptions({ options }: TlsSettings): TlsOptions {
  try {
    return options();
  } catch (error) {
    throw error instanceof ConfigError ? error.withCode(error.code, { retryable: true }) : error;
  }
}

/** With an existing socket, `host` is only the host that the certificate must match. Its default would be localhost. */
function getIdentity(host: string): TlsOptions {
  const isName = isIP(host) === 0 && !host.startsWith('/') && !host.startsWith('@');
  return isName ? { host, servername: host } : { host };
}
