import type { Observable } from 'rxjs';
import { resolveConnection } from '../../config/resolve-connection';
import type { ServerConfig } from '../../config/connection-options';
import { fetchSystemIdentity, type SystemIdentity } from '../../commands/slot-commands';
import { runManagementCommand, readCommandOptions } from '../../connection/management-command';

/**
 * Returns the server's system identifier, timeline, database and the end of its WAL. Source: manual, "Streaming
 * Replication Protocol", IDENTIFY_SYSTEM.
 *
 * @returns a cold observable that connects on subscription and emits one value. It fails with the connection's errors, such as
 * `CONNECTION_REFUSED`, `AUTHENTICATION_FAILED` or `PRIVILEGE_MISSING`
 * @throws {ConfigError} `CONFIG_INVALID` at once, if an option is invalid
 * @example
 * const { walPosition } = await firstValueFrom(identifySystem({ connection: process.env.DATABASE_URL }));
 */
export function identifySystem(config: ServerConfig = {}): Observable<SystemIdentity> {
  return runManagementCommand(resolveConnection(readCommandOptions(config, [])), () => fetchSystemIdentity());
}
