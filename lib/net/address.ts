import type { Target } from './target';

/** Returns the path of a Unix-domain socket, as libpq does; undefined for a target reached over TCP. */
export function getSocketPath({ host, port, address }: Target): string | undefined {
  if (address !== undefined) return undefined;
  if (host.startsWith('/')) return `${host}/.s.PGSQL.${port}`;
  // A name in Linux' abstract namespace starts with a NUL byte, which is written as @.
  return host.startsWith('@') ? `\0${host.slice(1)}/.s.PGSQL.${port}` : undefined;
}

/** Formats the address of a target for messages. */
export function formatAddress(target: Target): string {
  const { host, port, address } = target;
  if (getSocketPath(target) !== undefined) return `${host} (port ${port})`;
  return address === undefined || address === host ? `${host}:${port}` : `${host}:${port} (${address})`;
}
