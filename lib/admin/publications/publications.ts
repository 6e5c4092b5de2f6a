import type { Observable } from 'rxjs';
import { resolveConnection, type ServerConfig } from '../../config/connection';
import { publications as list, type PublicationStatus } from '../../commands/publication-status';
import { oneShot, readOptions } from '../../connection/one-shot';

/**
 * Lists the publications of the connection's database, in the order of their names.
 *
 * @returns a cold observable of one value
 * @example
 * const all = await firstValueFrom(publications({ connection: process.env.DATABASE_URL }));
 * console.log(all.map(({ name, tables }) => `${name}: ${tables.length} tables`));
 */
export function publications(config: ServerConfig = {}): Observable<readonly PublicationStatus[]> {
  return oneShot(resolveConnection(readOptions(config, [])), (server) => list(undefined, server.version));
}
