import type { PreflightFinding } from '../../common/preflight-findings';
import { buildPgoutputOptions } from '../pgoutput-options';
import { requireSlotKind } from '../slot-commands';
import { createFailure, createFinding } from './finding';
import { toFindings, type PreflightContext } from './preflight-context';

/** In ms. With a shorter timeout, code that blocks the event loop for some seconds ends the stream. */
const SHORT_TIMEOUT = 5000;

/** Checks whether the server supports logical decoding. */
export function checkWalLevel({ server }: PreflightContext): readonly PreflightFinding[] {
  // From 19 on the server raises the level automatically.
  if (server.walLevel === 'logical' || server.version >= 190_000) return [];
  return [createFailure('WAL_LEVEL', `wal_level is ${server.walLevel}`)];
}

/** Checks whether the server's version supports the options of the stream. */
export function checkVersion({ plan, server: { version } }: PreflightContext): readonly PreflightFinding[] {
  const { pgoutput, ensureSlot } = plan;
  return toFindings(() => {
    if (pgoutput) buildPgoutputOptions(pgoutput.request, pgoutput.publications, version);
    if (ensureSlot) requireSlotKind(ensureSlot, version);
  });
}

/** Checks wal_sender_timeout. */
export function checkWalSenderTimeout({ server: { walSenderTimeout } }: PreflightContext): readonly PreflightFinding[] {
  if (walSenderTimeout === 0) {
    const what = 'wal_sender_timeout is 0: the server may never detect a lost client, whose slot then stays active';
    return [createFinding('WAL_SENDER_TIMEOUT', what)];
  }
  if (walSenderTimeout >= SHORT_TIMEOUT) return [];
  const what = `wal_sender_timeout is ${walSenderTimeout} ms: code that blocks this process for longer ends the stream`;
  return [createFinding('WAL_SENDER_TIMEOUT', what)];
}
