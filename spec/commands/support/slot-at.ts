import type { SlotStatus } from '../../../lib/commands/slot-commands';

/** Creates the row of slot `orders`, confirmed up to a position. */
export function slotAt(confirmedFlushLsn: bigint | undefined): SlotStatus {
  return {
    name: 'orders',
    plugin: 'pgoutput',
    type: 'logical',
    database: 'shop',
    temporary: false,
    active: false,
    activePid: undefined,
    inactiveSince: undefined,
    restartLsn: undefined,
    confirmedFlushLsn,
    walStatus: 'reserved',
    safeWalSize: undefined,
    conflicting: false,
    invalidationReason: undefined,
    twoPhase: false,
    twoPhaseAt: undefined,
    failover: false,
    synced: false,
    lagBytes: undefined,
  };
}
