import { catchError, map, of, throwError, type Observable } from 'rxjs';
import { resolveConfig, type StreamConfig } from '../config/config';
import { ReplicationError } from '../common/errors';
import type { PreflightFinding } from '../common/findings';
import { runChecks } from '../commands/preflight/examine';
import { toFinding, reclassify } from '../commands/preflight/finding';
import { runManagementCommand } from '../connection/management-command';

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
export function preflight(config: StreamConfig): Observable<readonly PreflightFinding[]> {
  const { connection, plan, classify, values } = resolveConfig(config);
  return runManagementCommand(connection, (server) =>
    runChecks({ plan, server, lookUpTypes: values.lookUpTypes }),
  ).pipe(
    map((found) => found.map((one) => reclassify(one, classify))),
    catchError((error: unknown) => {
      const told = error instanceof Error ? classify(error) : error;
      if (!(error instanceof ReplicationError && NOT_LET_IN.includes(error.code))) return throwError(() => told);
      return of([toFinding(told instanceof ReplicationError ? told : error)]);
    }),
  );
}

/** With these the server has answered, and nothing more can be asked. */
const NOT_LET_IN: readonly string[] = ['PRIVILEGE_MISSING', 'TOO_MANY_CONNECTIONS', 'SETTING_NOT_APPLIED'];
