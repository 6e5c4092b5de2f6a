import type { SessionControl } from '../../ledger/acknowledgement';
import { Ledger } from '../../ledger/ledger';
import type { DropEvidence } from '../../ledger/unit-ledger';
import type { CommitUnit } from '../../ledger/commit-unit';
import { DroppedTransactionWatchdog } from './dropped-transaction-watchdog';
import type { SessionOptions, SessionPorts } from './session-ports';

/** What the session does about changes of its ledger. */
export interface SessionLedgerEvents {
  /** The confirmed LSN may have changed. */
  readonly confirmationChanged: () => void;
  /** A full window is half empty again. */
  readonly windowReopened: () => void;
}

/** Creates the ledger of a session. Without confirmation it is closed, and so confirms nothing, and has no window. */
export function createSessionLedger(
  session: SessionControl,
  { confirm, window, history, progressInterval, slotLsn = 0n, startLsn = 0n }: SessionOptions,
  { observer, timers }: SessionPorts,
  { confirmationChanged, windowReopened }: SessionLedgerEvents,
): Ledger {
  const dropped = new DroppedTransactionWatchdog(
    (ms, callback) => {
      timers.schedule(ms, callback);
    },
    history.warned,
    (how) => {
      observer.warnOfDroppedTransaction(how);
    },
  );
  const events = {
    confirmationChanged,
    windowReopened,
    dropSuspected: (unit: CommitUnit, how: DropEvidence) => {
      dropped.suspect(unit, how);
    },
  };
  const limits = confirm ? window : { messages: Infinity, bytes: Infinity };
  const ledger = new Ledger(limits, session, events, progressInterval === undefined ? 'slot' : 'consumer');
  if (!confirm) ledger.close();
  else if (startLsn > slotLsn) ledger.resume(startLsn);
  return ledger;
}
