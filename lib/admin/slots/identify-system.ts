import type { Observable } from 'rxjs';
import { resolveConnection, type ServerConfig } from '../../config/connection';
import { fetchSystemIdentity as identify, type SystemIdentity } from '../../commands/slot-commands';
import { runManagementCommand, readCommandOptions } from '../../connection/management-command';

/**
 * Asks which cluster this is and where its WAL ends.
 *
 * @returns a cold observable of one value
 * @example
 * const { walPosition } = await firstValueFrom(identifySystem({ connection: process.env.DATABASE_URL }));
 */
export function identifySystem(config: ServerConfig = {}): Observable<SystemIdentity> {
  return runManagementCommand(resolveConnection(readCommandOptions(config, [])), () => identify());
}
