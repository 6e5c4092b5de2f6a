import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { negotiateTls } from '../../../lib/net/tls';
import type { Endpoint } from '../server';

/** Connects a socket to the server, with TLS if the endpoint has a certificate to trust. */
export async function openSocket({ host, port, ca }: Endpoint): Promise<Socket> {
  const socket = connect(host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port, noDelay: true });
  await once(socket, 'connect');
  if (ca === undefined) return socket;
  return new Promise((ready, failed) =>
    negotiateTls(socket, host, { options: () => ({ ca }), optional: false, direct: false }, { ready, failed }),
  );
}
