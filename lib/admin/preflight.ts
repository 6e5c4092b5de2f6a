import { catchError, map, of, throwError, type Observable } from 'rxjs';
import { resolveConfig } from '../config/resolve-config';
import type { StreamConfig } from '../config/stream-config';
import { ReplicationError } from '../common/errors';
import type { PreflightFinding } from '../common/preflight-findings';
import { runChecks } from '../commands/preflight/run-checks';
import { toFinding, reclassify } from '../commands/preflight/finding';
import { runManagementCommand } from '../connection/management-command';

/**
 * Checks whether a server is ready for a stream: its settings, the role, the slot, the publications, and tables on which
 * UPDATE or DELETE fails because they are published. It changes nothing and does not use `startLsn`.
 *
 * The role needs no privilege other than REPLICATION: a role that reads a slot receives the changes of all published tables.
 *
 * @param config the configuration of the stream, as for {@link logicalReplication}
 * @returns a cold observable that connects on subscription and emits one list of problems, which is empty if there are none.
 * It fails with the connection's errors, such as `CONNECTION_REFUSED`, `CONNECT_TIMEOUT`, `TLS_FAILED`,
 * `AUTHENTICATION_FAILED` or `HBA_REFUSED`; but `PRIVILEGE_MISSING`, `TOO_MANY_CONNECTIONS` and `SETTING_NOT_APPLIED` are
 * emitted as findings
 * @throws {ConfigError} `CONFIG_INVALID` at once, if an option is invalid
 * @example
 * const findings = await firstValueFrom(preflight(config));
 * for (const { severity, code, message, remedy } of findings) console.warn(severity, code, message, remedy);
 * if (findings.some(({ severity }) => severity === 'error')) process.exit(1);
 */
export function preflight(config: StreamConfig): Observable<readonly PreflightFinding[]> {
  const { connection, plan, copy, classify, values } = resolveConfig(config);
  // A copy creates the slot.
  const ensureSlot = plan.ensureSlot ?? (copy && { temporary: false });
  return runManagementCommand(connection, (server) =>
    runChecks({ plan: { ...plan, ensureSlot }, server, lookUpTypes: values.lookUpTypes }),
  ).pipe(
    map((findings) => findings.map((finding) => reclassify(finding, classify))),
    catchError((error: unknown) => {
      const classified = error instanceof Error ? classify(error) : error;
      if (!(error instanceof ReplicationError && CONNECTION_FINDINGS.includes(error.code)))
        return throwError(() => classified);
      return of([toFinding(classified instanceof ReplicationError ? classified : error)]);
    }),
  );
}

/** Errors of connecting that are findings: the server responded, but no further check is possible. */
const CONNECTION_FINDINGS: readonly string[] = ['PRIVILEGE_MISSING', 'TOO_MANY_CONNECTIONS', 'SETTING_NOT_APPLIED'];
