import type { Target } from './target';

/** The path of a Unix socket, as libpq makes it; undefined where the target is reached over TCP. */
export function getSocketPath({ host, port, address }: Target): string | undefined {
  if (address !== undefined) return undefined;
  if (host.startsWith('/')) return `${host}/.s.PGSQL.${port}`;
  // In the abstract namespace of Linux a name starts with a NUL byte, which is written as @.
  return host.startsWith('@') ? `\0${host.slice(1)}/.s.PGSQL.${port}` : undefined;
}

/** Where a target is, for messages. */
export function formatAddress(target: Target): string {
  const { host, port, address } = target;
  if (getSocketPath(target) !== undefined) return `${host} (port ${port})`;
  return address === undefined || address === host ? `${host}:${port}` : `${host}:${port} (${address})`;
}
