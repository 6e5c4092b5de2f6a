import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { upgradeToTls } from '../../../lib/net/tls';
import type { Endpoint } from '../server';

/** A socket to the server, with TLS where the endpoint says whom to trust; bytes may be written. */
export async function openSocket({ host, port, ca }: Endpoint): Promise<Socket> {
  const socket = connect(host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port, noDelay: true });
  await once(socket, 'connect');
  if (ca === undefined) return socket;
  return new Promise((secured, failed) => upgradeToTls(socket, host, { ca }, { secured, failed }));
}
