import type { Observable } from 'rxjs';
import { resolveConnection, type ServerConfig } from '../../config/connection';
import { fetchPublications as list, type PublicationStatus } from '../../commands/publication-status';
import { runManagementCommand, readCommandOptions } from '../../connection/management-command';

/**
 * Lists the publications of the connection's database, in the order of their names.
 *
 * @returns a cold observable of one value
 * @example
 * const all = await firstValueFrom(publications({ connection: process.env.DATABASE_URL }));
 * console.log(all.map(({ name, tables }) => `${name}: ${tables.length} tables`));
 */
export function publications(config: ServerConfig = {}): Observable<readonly PublicationStatus[]> {
  return runManagementCommand(resolveConnection(readCommandOptions(config, [])), (server) =>
    list(undefined, server.version),
  );
}
