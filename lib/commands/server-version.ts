import { ReplicationError } from '../common/errors';

/**
 * @param version the server's, as in server_version_num
 * @param since the first that can do it
 * @param what what is asked for, as the beginning of a sentence
 * @throws {ReplicationError} `UNSUPPORTED`
 */
export function requireVersion(version: number, since: number, what: string): void {
  if (version >= since) return;
  const is = `${Math.floor(version / 10_000)}.${version % 10_000}`;
  throw new ReplicationError('UNSUPPORTED', `${what} needs PostgreSQL ${since / 10_000}; this server is ${is}`);
}
