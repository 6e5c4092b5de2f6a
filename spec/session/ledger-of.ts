import type { SessionControl } from '../../lib/acknowledgement';
import { Ledger, type WindowLimits } from '../../lib/session/ledger';

/** A ledger, and what it told its session, in order. */
export function ledgerOf(limits: WindowLimits): { ledger: Ledger; told: string[] } {
  const told: string[] = [];
  const session: SessionControl = {
    stop: () => told.push('stop'),
    isStreaming: () => true,
    abandon: () => told.push('abandon'),
    stopAtBoundary: () => told.push('stopAtBoundary'),
    whenClosed: () => () => undefined,
  };
  const ledger = new Ledger(limits, session, {
    advanced: () => told.push('advanced'),
    relieved: () => told.push('relieved'),
  });
  return { ledger, told };
}
