import type { Observable } from 'rxjs';
import { resolveConnection, type ServerConfig } from '../../config/connection';
import { identifySystem as identify, type SystemIdentity } from '../../commands/slot-commands';
import { oneShot, readOptions } from '../../connection/one-shot';

/**
 * Asks which cluster this is and where its WAL ends.
 *
 * @returns a cold observable of one value
 * @example
 * const { walPosition } = await firstValueFrom(identifySystem({ connection: process.env.DATABASE_URL }));
 */
export function identifySystem(config: ServerConfig = {}): Observable<SystemIdentity> {
  return oneShot(resolveConnection(readOptions(config, [])), () => identify());
}
