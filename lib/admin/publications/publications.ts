import type { Observable } from 'rxjs';
import { resolveConnection } from '../../config/resolve-connection';
import type { ServerConfig } from '../../config/connection-options';
import { fetchPublications, type PublicationStatus } from '../../commands/publication-status';
import { runManagementCommand, readCommandOptions } from '../../connection/management-command';

/**
 * Lists the publications of the connection's database, sorted by name.
 *
 * @returns a cold observable that connects on subscription and emits one list. It fails with the connection's errors, such as
 * `CONNECTION_REFUSED`, `AUTHENTICATION_FAILED`, `PRIVILEGE_MISSING` or `CONNECT_TIMEOUT`; the latter also while another
 * transaction locks a table with a row filter
 * @throws {ConfigError} `CONFIG_INVALID` at once, if an option is invalid
 * @example
 * const all = await firstValueFrom(publications({ connection: process.env.DATABASE_URL }));
 * console.log(all.map(({ name, tables }) => `${name}: ${tables.length} tables`));
 */
export function publications(config: ServerConfig = {}): Observable<readonly PublicationStatus[]> {
  return runManagementCommand(resolveConnection(readCommandOptions(config, [])), (server) =>
    fetchPublications(undefined, server.version),
  );
}
