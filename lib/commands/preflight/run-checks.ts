import type { PreflightFinding } from '../../common/preflight-findings';
import type { ProtocolRoutine } from '../protocol-routine';
import { checkBinary } from './binary-checks';
import { checkIdentities } from './identity-checks';
import { checkOutputPlugin } from './output-plugin-checks';
import { checkPublications } from './publication-checks';
import { checkRowFilters } from './row-filter-checks';
import type { PreflightContext } from './preflight-context';
import { checkVersion, checkWalLevel, checkWalSenderTimeout } from './server-checks';
import { checkSlots } from './slot-checks';

/** Runs all checks and returns their findings. */
export function* runChecks(context: PreflightContext): ProtocolRoutine<readonly PreflightFinding[]> {
  const { plan, server, lookUpTypes } = context;
  const { publications = [] } = plan.pgoutput ?? {};
  return [
    ...checkWalLevel(context),
    ...checkVersion(context),
    ...checkWalSenderTimeout(context),
    ...(yield* checkOutputPlugin(context)),
    ...(yield* checkSlots(context)),
    ...(publications.length === 0 ? [] : yield* checkPublications(publications, server.version)),
    ...(publications.length === 0 ? [] : yield* checkIdentities(publications, server.version)),
    ...(publications.length === 0 ? [] : yield* checkRowFilters(publications, server.version)),
    ...(plan.pgoutput?.request.binary ? yield* checkBinary(publications, server.version, lookUpTypes) : []),
  ];
}
