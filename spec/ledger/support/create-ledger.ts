import type { SessionControl } from '../../../lib/ledger/acknowledgement';
import { DeliveringLedger } from './delivering-ledger';
import type { PositionOwner } from '../../../lib/ledger/unit-ledger';
import { StreamHistory } from '../../../lib/ledger/stream-history';
import type { WindowLimits } from '../../../lib/ledger/window';

/** A ledger, and the calls to its session and listener, in order. */
export function createLedger(
  limits: WindowLimits,
  owner: PositionOwner = 'slot',
): { ledger: DeliveringLedger; events: string[] } {
  const events: string[] = [];
  const session: SessionControl = {
    source: { systemId: '1', timeline: 1, slot: 'orders' },
    resumeLsn: 0n,
    history: new StreamHistory(() => () => undefined),
    confirms: true,
    redelivers: true,
    consumerOwnsPosition: owner === 'consumer',
    stops: { stopBefore: () => undefined, stopAfter: () => undefined },
    stop: () => events.push('stop'),
    isStreaming: () => true,
    expectAcks: () => events.push('expectAcks'),
    abandon: () => events.push('abandon'),
    stopAtBoundary: () => events.push('stopAtBoundary'),
    whenClosed: () => () => undefined,
    afterClose: () => undefined,
  };
  const listener = {
    confirmationChanged: () => events.push('advanced'),
    windowReopened: () => events.push('windowReopened'),
    dropSuspected: () => events.push('dropSuspected'),
  };
  const ledger = new DeliveringLedger(limits, session, listener, owner);
  return { ledger, events };
}
