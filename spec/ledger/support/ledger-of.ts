import type { SessionControl } from '../../../lib/ledger/acknowledgement';
import { DeliveringLedger } from './delivering-ledger';
import type { PositionOwner } from '../../../lib/ledger/unit-ledger';
import { StreamHistory } from '../../../lib/ledger/stream-history';
import type { WindowLimits } from '../../../lib/ledger/window';

/** A ledger, and what it told its session, in order. */
export function ledgerOf(
  limits: WindowLimits,
  owner: PositionOwner = 'slot',
): { ledger: DeliveringLedger; told: string[] } {
  const told: string[] = [];
  const session: SessionControl = {
    source: { systemId: '1', timeline: 1, slot: 'orders' },
    confirmed: 0n,
    history: new StreamHistory(() => () => undefined),
    confirms: true,
    consumerOwnsPosition: owner === 'consumer',
    stops: { stopBefore: () => undefined, stopAfter: () => undefined },
    stop: () => told.push('stop'),
    isStreaming: () => true,
    expectAcks: () => told.push('attend'),
    abandon: () => told.push('abandon'),
    stopAtBoundary: () => told.push('stopAtBoundary'),
    whenClosed: () => () => undefined,
    afterClose: () => undefined,
  };
  const events = {
    advanced: () => told.push('advanced'),
    windowReopened: () => told.push('relieved'),
    dropSuspected: () => told.push('dropSuspected'),
  };
  const ledger = new DeliveringLedger(limits, session, events, owner);
  return { ledger, told };
}
