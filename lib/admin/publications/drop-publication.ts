import { map, type Observable } from 'rxjs';
import { resolveConnection } from '../../config/resolve-connection';
import type { ServerConfig } from '../../config/connection-options';
import { executeDropPublication } from '../../commands/publication-commands';
import { runManagementCommand, readCommandOptions } from '../../connection/management-command';
import { readPublicationName } from './publication-options';

/** Options of {@link dropPublication}. */
export interface DropPublicationConfig extends ServerConfig {
  /** The publication's name. */
  readonly name: string;
}

/**
 * Drops a publication. A stream that uses it fails with `PUBLICATION_MISSING` and may need a new slot: end it first. The role
 * must own the publication and have the attribute REPLICATION.
 *
 * @returns a cold observable that emits the publication's name and completes; errors `PUBLICATION_MISSING`,
 * `PRIVILEGE_MISSING`
 * @example
 * await firstValueFrom(dropPublication({ connection: process.env.DATABASE_URL, name: 'orders_pub' }));
 */
export function dropPublication(config: DropPublicationConfig): Observable<string> {
  const options = readCommandOptions(config, ['name']);
  const name = readPublicationName(options);
  return runManagementCommand(resolveConnection(options), () => executeDropPublication(name)).pipe(map(() => name));
}
