import { map, type Observable } from 'rxjs';
import { resolveConnection } from '../../config/resolve-connection';
import type { ServerConfig } from '../../config/connection-options';
import { fetchPublications, type PublicationStatus } from '../../commands/publication-status';
import { runManagementCommand, readCommandOptions } from '../../connection/management-command';
import { readPublicationName } from './publication-options';

/** Options of {@link publicationStatus}. */
export interface PublicationStatusConfig extends ServerConfig {
  /** The publication's name. */
  readonly name: string;
}

/**
 * Looks up a publication: its tables, columns, row filters and operations. If another transaction has locked a table with a
 * row filter, the query waits for the lock until `connectTimeout`.
 *
 * @returns a cold observable that emits one value, `undefined` if the publication does not exist. It fails with the
 * connection's errors, such as `CONNECTION_REFUSED`, `PRIVILEGE_MISSING` or `CONNECT_TIMEOUT`
 * @throws {ConfigError} `CONFIG_INVALID` at once, if an option is invalid
 * @example
 * const publication = await firstValueFrom(publicationStatus({ connection: process.env.DATABASE_URL, name: 'pub' }));
 * for (const { table, columns, where } of publication?.tables ?? []) console.log(table, columns, where);
 */
export function publicationStatus(config: PublicationStatusConfig): Observable<PublicationStatus | undefined> {
  const options = readCommandOptions(config, ['name']);
  const name = readPublicationName(options);
  return runManagementCommand(resolveConnection(options), (server) => fetchPublications([name], server.version)).pipe(
    map(([found]) => found),
  );
}
