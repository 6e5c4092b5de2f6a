import { map, type Observable } from 'rxjs';
import { resolveConnection, type ServerConfig } from '../../config/connection';
import { fetchPublications, type PublicationStatus } from '../../commands/publication-status';
import { runManagementCommand, readCommandOptions } from '../../connection/management-command';
import { readPublicationName } from './publication-options';

/** Which publication to look up, and on which server. */
export interface PublicationStatusConfig extends ServerConfig {
  /** The publication's name. */
  readonly name: string;
}

/**
 * Looks a publication up: what it sends of which tables. To print a row filter waits for whoever has locked its table, until
 * `connectTimeout`.
 *
 * @returns a cold observable of one value, `undefined` when there is no such publication
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
