import { requireNoNul } from '../wire/frontend';
import { quoteIdentifier } from './sql';

export interface CreateReplicationSlotOptions {
  readonly slot: string;
  readonly plugin: string;
  readonly temporary: boolean;
  /** From 15 on. */
  readonly twoPhase: boolean;
  /** From 17 on. */
  readonly failover: boolean;
  /** As in server_version_num. */
  readonly serverVersion: number;
}

/**
 * The command that creates a logical slot, without the snapshot that would otherwise be exported.
 *
 * PostgreSQL 15 introduced the option list; older servers accept only key words.
 */
export function buildCreateReplicationSlot(request: CreateReplicationSlotOptions): string {
  const { temporary, twoPhase, failover, serverVersion } = request;
  const slot = quoteIdentifier(requireNoNul(request.slot, 'slot'));
  const plugin = quoteIdentifier(requireNoNul(request.plugin, 'plugin'));
  const options = [
    "SNAPSHOT 'nothing'",
    ...(twoPhase ? ['TWO_PHASE true'] : []),
    ...(failover ? ['FAILOVER true'] : []),
  ];
  const how = serverVersion >= 150000 ? `(${options.join(', ')})` : 'NOEXPORT_SNAPSHOT';
  return `CREATE_REPLICATION_SLOT ${slot}${temporary ? ' TEMPORARY' : ''} LOGICAL ${plugin} ${how}`;
}

/** The changes of a slot. An undefined one leaves its property unchanged; at least one is required. */
export interface SlotChanges {
  /** From 17 on. */
  readonly failover: boolean | undefined;
  /** From 18 on. */
  readonly twoPhase: boolean | undefined;
}

/** The command that changes a slot, from 17 on. */
export function buildAlterReplicationSlot(slot: string, { failover, twoPhase }: SlotChanges): string {
  const options = [
    ...(failover === undefined ? [] : [`FAILOVER ${failover}`]),
    ...(twoPhase === undefined ? [] : [`TWO_PHASE ${twoPhase}`]),
  ];
  return `ALTER_REPLICATION_SLOT ${quoteIdentifier(requireNoNul(slot, 'slot'))} (${options.join(', ')})`;
}

/** The command that drops a slot. With `wait` it waits for the slot to become inactive instead of failing. */
export function buildDropReplicationSlot(slot: string, wait: boolean): string {
  return `DROP_REPLICATION_SLOT ${quoteIdentifier(requireNoNul(slot, 'slot'))}${wait ? ' WAIT' : ''}`;
}
