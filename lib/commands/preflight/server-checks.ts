import type { PreflightFinding } from '../../common/findings';
import { buildPgoutputOptions } from '../pgoutput-options';
import { requireSlotKind } from '../slot-commands';
import { createFailure, createFinding } from './finding';
import { joinObjections, type PreflightContext } from './preflight-context';

/** Below it, work that keeps the process busy for some seconds ends the stream. */
const SHORT_TIMEOUT = 5000;

/** Whether the server can decode at all. */
export function checkWalLevel({ server }: PreflightContext): readonly PreflightFinding[] {
  // From 19 on the server raises the level by itself.
  if (server.walLevel === 'logical' || server.version >= 190_000) return [];
  return [createFailure('WAL_LEVEL', `wal_level is ${server.walLevel}`)];
}

/** Whether the server's version has what the stream asks for. */
export function checkVersion({ plan, server: { version } }: PreflightContext): readonly PreflightFinding[] {
  const { pgoutput, ensureSlot } = plan;
  return joinObjections(() => {
    if (pgoutput) buildPgoutputOptions(pgoutput.request, pgoutput.publications, version);
    if (ensureSlot) requireSlotKind(ensureSlot, version);
  });
}

/** How long the server bears silence. */
export function checkWalSenderTimeout({ server: { walSenderTimeout } }: PreflightContext): readonly PreflightFinding[] {
  if (walSenderTimeout === 0) {
    const what =
      'wal_sender_timeout is 0, so the server may never notice that a client is gone, whose slot stays active';
    return [createFinding('WAL_SENDER_TIMEOUT', what)];
  }
  if (walSenderTimeout >= SHORT_TIMEOUT) return [];
  const what = `wal_sender_timeout is ${walSenderTimeout} ms: what keeps this process busy for longer ends the stream`;
  return [createFinding('WAL_SENDER_TIMEOUT', what)];
}
