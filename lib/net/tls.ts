import { isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions as TlsOptions } from 'node:tls';
import { ConnectionError, ProtocolError } from '../errors';
import { sslRequest } from '../wire/frontend';

interface Upgrade {
  secured(socket: Socket): void;
  /** With an error of ours, or with the system's where the connection was cut. */
  failed(error: Error): void;
}

const ACCEPTED = 0x53; // S
const REFUSED = 0x4e; // N

/** How the end of the connection itself shows, which says nothing of TLS; Node names a mere hang-up so, too. */
const CUT: readonly unknown[] = ['ECONNRESET', 'EPIPE', 'ETIMEDOUT'];

/** Asks the server for TLS and makes the handshake. Source: manual, "SSL Session Encryption". */
export function upgradeToTls(socket: Socket, host: string, options: TlsOptions, upgrade: Upgrade): void {
  socket.write(sslRequest());
  socket.once('data', (answer: Buffer) => {
    // Bytes behind the answer were not encrypted: somebody in between could have put them there (CVE-2021-23222).
    if (answer.length !== 1) {
      upgrade.failed(new ProtocolError(`The server sent ${answer.length} bytes in answer to SSLRequest; expected one`));
    } else if (answer[0] === REFUSED) {
      upgrade.failed(new ConnectionError('TLS_REFUSED', 'The server does not offer TLS'));
    } else if (answer[0] !== ACCEPTED) {
      upgrade.failed(new ProtocolError(`The server answered SSLRequest with byte ${answer[0] ?? ''}; expected S or N`));
    } else {
      handshake(socket, host, options, upgrade);
    }
  });
}

function handshake(socket: Socket, host: string, options: TlsOptions, upgrade: Upgrade): void {
  // Beside a socket, `host` only says whose certificate it has to be; without it Node would take localhost's for an IP address.
  const identity = host.startsWith('/') ? {} : isIP(host) ? { host } : { host, servername: host };
  const secure = connectTls({ minVersion: 'TLSv1.2', ...identity, ...options, socket });
  const onError = (cause: Error): void => {
    const cut = 'code' in cause && CUT.includes(cause.code);
    upgrade.failed(
      cut ? cause : new ConnectionError('TLS_FAILED', `The TLS handshake failed: ${cause.message}`, { cause }),
    );
  };
  secure.once('error', onError);
  secure.once('secureConnect', () => {
    secure.off('error', onError);
    upgrade.secured(secure);
  });
}
