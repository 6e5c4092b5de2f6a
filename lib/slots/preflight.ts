import { catchError, map, of, throwError, type Observable } from 'rxjs';
import { resolveConfig, type StreamConfig } from '../config/config';
import { ReplicationError } from '../errors';
import type { Conversation } from '../session/conversation';
import { oneShot } from './one-shot';
import { checkBinary } from './preflight/binary-checks';
import { findingOf, reclassified, type Finding } from './preflight/finding';
import { checkIdentities } from './preflight/identity-checks';
import { checkPublications } from './preflight/publication-checks';
import { checkRowFilters } from './preflight/row-filter-checks';
import type { Scene } from './preflight/scene';
import { checkVersion, checkWalLevel, checkWalSenderTimeout } from './preflight/server-checks';
import { checkSlots } from './preflight/slot-checks';

/**
 * Looks at a server with the eyes of a stream, and lists what is wrong with it: settings, role, slot, publications, and
 * tables whose updates fail for being published. It changes nothing, and it does not read `startLsn`.
 *
 * Reading what is published takes no privileges but REPLICATION: a publication hands out its tables' changes to whoever
 * reads a slot.
 *
 * @param config as for {@link logicalReplication}
 * @returns a cold observable of one value, the list, empty where all is well. It errors where the server cannot be reached
 * or lets nobody in; that the role is none for replication, that there are too many connections, or that a session setting
 * cannot be set, is a finding
 * @example
 * const findings = await firstValueFrom(preflight(config));
 * for (const { severity, code, message, remedy } of findings) console.warn(severity, code, message, remedy);
 * if (findings.some(({ severity }) => severity === 'error')) process.exit(1);
 */
export function preflight(config: StreamConfig): Observable<readonly Finding[]> {
  const { connection, plan, classify, values } = resolveConfig(config);
  return oneShot(connection, (server) => examine({ plan, server }, values.lookUpTypes)).pipe(
    map((found) => found.map((one) => reclassified(one, classify))),
    catchError((error: unknown) => {
      const told = error instanceof Error ? classify(error) : error;
      if (!(error instanceof ReplicationError && NOT_LET_IN.includes(error.code))) return throwError(() => told);
      return of([findingOf(told instanceof ReplicationError ? told : error)]);
    }),
  );
}

/** With these the server has answered, and nothing more can be asked. */
const NOT_LET_IN: readonly string[] = ['PRIVILEGE_MISSING', 'TOO_MANY_CONNECTIONS', 'SETTING_NOT_APPLIED'];

function* examine(scene: Scene, lookUpTypes: boolean): Conversation<readonly Finding[]> {
  const { plan, server } = scene;
  const { publications = [] } = plan.pgoutput ?? {};
  return [
    ...checkWalLevel(scene),
    ...checkVersion(scene),
    ...checkWalSenderTimeout(scene),
    ...(yield* checkSlots(scene)),
    ...(publications.length === 0 ? [] : yield* checkPublications(publications, server.version)),
    ...(publications.length === 0 ? [] : yield* checkIdentities(publications, server.version)),
    ...(publications.length === 0 ? [] : yield* checkRowFilters(publications, server.version)),
    ...(plan.pgoutput?.request.binary ? yield* checkBinary(publications, server.version, lookUpTypes) : []),
  ];
}
