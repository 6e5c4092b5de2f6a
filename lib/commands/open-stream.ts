import type { StartPosition } from '../ledger/checkpoint';
import { ProtocolError, ReplicationError } from '../common/errors';
import { formatLsn, type Lsn } from '../common/lsn';
import type { TypeCatalog } from '../pgoutput/types/type-catalog';
import { quoteLiteral, buildStartReplication } from './sql';
import { runQuery, startCopyBoth, getText, type ProtocolRoutine, type UserCallback } from './protocol-routine';
import {
  executeCreateSlot,
  fetchSystemIdentity,
  fetchSlotStatus,
  type SlotKind,
  type SlotStatus,
  type SystemIdentity,
} from './slot-commands';
import { buildPgoutputOptions, type PgoutputRequest } from './pgoutput-options';
import type { ResumeState } from './resume-state';
import { suggestPublications, createSlotMissingError, addHint } from './similar-names';
import { checkStandby, checkNotSynced } from './standby';
import { createConsumerResumePoint, createStateResumePoint, type ResumePoint } from './start-position';
import type { PositionOwner } from '../ledger/unit-ledger';
import type { ServerInfo } from './startup';
import { lookUpPublishedTypes } from './type-lookup';

/** What a stream requests from the server. */
export interface StreamPlan {
  readonly slot: string;
  readonly plugin: string;
  /** The options of pgoutput; undefined for another plugin. */
  readonly pgoutput: { readonly publications: readonly string[]; readonly request: PgoutputRequest } | undefined;
  /** The options of another plugin, for START_REPLICATION. */
  readonly pluginOptions: Readonly<Record<string, string>>;
  readonly ensureSlot: SlotKind | undefined;
  /** Whether the slot or a store of the consumer determines the start position. */
  readonly positionOwner: PositionOwner;
}

/** The value that `openObserver` receives when the stream starts. */
export interface OpenInfo extends SystemIdentity {
  /** As in server_version_num: 180004 is 18.4. */
  readonly serverVersion: number;
  /** Whether the server is a standby. */
  readonly standby: boolean;
  /** In ms; 0 for none. */
  readonly walSenderTimeout: number;
  /** The state of the slot just before the stream started. */
  readonly slot: SlotStatus;
  /** Whether this subscription created the slot. */
  readonly slotCreated: boolean;
  /** The requested position; undefined for the position of the slot. */
  readonly startLsn: Lsn | undefined;
}

/** Where to start: at a position (undefined: the position of the slot), or at the position that a callback returns. */
export type StartRequest = { readonly position: StartPosition | undefined } | { readonly callback: UserCallback };

/**
 * Runs everything between start-up and CopyBoth: validates server, slot, position and publications, so that no change is
 * skipped silently, then starts the stream.
 *
 * The order of the queries matters. The store of the consumer is read after the slot was seen inactive, and the server's WAL
 * position after the store. The position in the store only grows, and the slot follows it. So the stored position is not
 * behind the slot as read before, and not beyond the end of WAL as read after. It can be out of date when the stream starts,
 * because a process that has lost the slot may still finish its work and store it. That work is delivered again. No change is
 * skipped: the server starts at the later of the requested position and the slot's position, and everything before the slot's
 * position is stored.
 *
 * @param catalog receives the definitions of the types of published columns
 */
export function* openStream(
  plan: StreamPlan,
  server: ServerInfo,
  resumeState: ResumeState,
  start: StartRequest,
  catalog?: TypeCatalog,
): ProtocolRoutine<OpenInfo> {
  const { pgoutput } = plan;
  const options = pgoutput
    ? buildPgoutputOptions(pgoutput.request, pgoutput.publications, server.version)
    : plan.pluginOptions;
  const found = yield* fetchSlotStatus(plan.slot, server.version);
  if (found && 'callback' in start) {
    checkNotSynced(server, found);
    checkSlot(found, plan, server);
    checkInactive(found);
  }
  const asked = 'callback' in start ? yield* askForStart(start.callback) : start.position;
  const identity = { ...(yield* fetchSystemIdentity()), standby: server.standby };
  const resumePoint = chooseResumePoint(plan, resumeState, asked);
  checkStandby(server, plan.slot, found, resumePoint?.position);
  if (resumePoint) yield* resumePoint.check(identity, plan.slot, found);
  if (found) {
    checkSlot(found, plan, server);
    checkInactive(found);
  }
  if (pgoutput) yield* checkPublicationsExist(pgoutput.publications);
  if (pgoutput) catalog?.learn([], yield* lookUpPublishedTypes(pgoutput.publications, server.version));
  const slotCreated = !found && (yield* createMissingSlot(plan, server));
  const slot = yield* fetchSlotStatus(plan.slot, server.version);
  if (!slot) {
    const what = `Replication slot "${plan.slot}" was dropped ${found ? 'before the stream started' : 'just after it was created'}`;
    throw new ReplicationError('SLOT_MISSING', what);
  }
  checkSlot(slot, plan, server);
  if (found) checkUntouched(found, slot);
  // Another process created the slot. It may have stored a later position since the store was read.
  else if (!slotCreated && 'callback' in start) throw createConcurrentUseError(slot);
  // An existing slot belongs to this observable only once the stream has started.
  if (slotCreated) resumeState.recordStart(slot, identity);

  const startLsn = resumePoint?.position.lsn ?? 0n;
  yield* startCopyBoth(buildStartReplication(plan.slot, formatLsn(startLsn), options));
  resumeState.recordStart(slot, identity);
  // Changes before the start position are skipped, and count as confirmed.
  resumeState.recordConfirmed(startLsn);
  return {
    ...identity,
    serverVersion: server.version,
    walSenderTimeout: server.walSenderTimeout,
    slot,
    slotCreated,
    startLsn: startLsn === 0n ? undefined : startLsn,
  };
}

/** Calls the function that reads the consumer's store. */
export function* askForStart(callback: UserCallback): ProtocolRoutine<StartPosition | undefined> {
  const answer = yield { ask: callback };
  if (answer.kind !== 'startPosition') throw new ProtocolError(`The server sent ${answer.kind}; expected it to wait`);
  return answer.position;
}

export function checkInactive({ name, active, activePid }: SlotStatus): void {
  if (active) throw new ReplicationError('SLOT_ACTIVE', `Replication slot "${name}" is active for PID ${activePid}`);
}

/**
 * Asserts that no other connection has streamed from the slot since it was found. Otherwise the start position and the state
 * of this observable are out of date. Up to PostgreSQL 16, the server does not report when a slot was last released.
 */
function checkUntouched(found: SlotStatus, slot: SlotStatus): void {
  checkInactive(slot);
  const isMoved = slot.confirmedFlushLsn !== found.confirmedFlushLsn;
  if (isMoved || slot.inactiveSince?.getTime() !== found.inactiveSince?.getTime()) throw createConcurrentUseError(slot);
}

function createConcurrentUseError({ name }: SlotStatus): ReplicationError {
  const what = `Another connection used replication slot "${name}" while this stream was starting`;
  return new ReplicationError('SLOT_ACTIVE', what, { remedy: 'Subscribe again, as reconnect() does.' });
}

/** A stored position takes precedence over the state of this observable; a fixed position applies to the first stream only. */
function chooseResumePoint(
  plan: StreamPlan,
  resumeState: ResumeState,
  asked: StartPosition | undefined,
): ResumePoint | undefined {
  const { position } = resumeState;
  if (asked && (plan.positionOwner === 'consumer' || !position))
    return createConsumerResumePoint(asked, plan.positionOwner);
  return position && createStateResumePoint(position, resumeState);
}

export function* checkPublicationsExist(publications: readonly string[]): ProtocolRoutine<void> {
  const list = publications.map(quoteLiteral).join(', ');
  const rows = yield* runQuery(`SELECT pubname FROM pg_catalog.pg_publication WHERE pubname IN (${list})`);
  const known = new Set(rows.map((row) => getText(row, 'pubname')));
  const missing = publications.filter((name) => !known.has(name));
  if (missing.length > 0) {
    const names = missing.map((name) => JSON.stringify(name)).join(', ');
    const error = new ReplicationError('PUBLICATION_MISSING', `Publication ${names} does not exist in this database`);
    throw addHint(error, yield* suggestPublications(missing));
  }
}

/** @returns false if another process created the slot at the same time */
function* createMissingSlot(plan: StreamPlan, server: ServerInfo): ProtocolRoutine<boolean> {
  if (!plan.ensureSlot) {
    // With a lower wal_level the slot cannot be created, so this error comes first. From PostgreSQL 19 on, the server raises
    // the level itself.
    if (server.walLevel !== 'logical' && server.version < 190_000) {
      throw new ReplicationError('WAL_LEVEL', `wal_level is ${server.walLevel}`);
    }
    throw yield* createSlotMissingError(plan.slot);
  }
  try {
    const twoPhase = plan.pgoutput?.request.twoPhase ?? plan.ensureSlot.twoPhase ?? false;
    yield* executeCreateSlot(plan.slot, plan.plugin, { ...plan.ensureSlot, twoPhase }, server.version);
    return true;
  } catch (error) {
    if (error instanceof ReplicationError && error.code === 'SLOT_EXISTS') return false;
    throw error;
  }
}

export function checkSlot(slot: SlotStatus, plan: StreamPlan, server: ServerInfo): void {
  const wrong = (what: string) => new ReplicationError('SLOT_INCOMPATIBLE', `Replication slot "${slot.name}" ${what}`);
  if (slot.type === 'physical') throw wrong('is a physical slot');
  if (slot.plugin !== plan.plugin) throw wrong(`uses output plugin ${slot.plugin ?? ''}, not ${plan.plugin}`);
  if (slot.database !== server.database)
    throw wrong(`belongs to database ${slot.database ?? ''}, not ${server.database}`);
  if (slot.twoPhase && plan.pgoutput && !plan.pgoutput.request.twoPhase) {
    throw new ReplicationError('SLOT_INCOMPATIBLE', `Replication slot "${slot.name}" is enabled for two-phase commit`, {
      remedy:
        'Set twoPhase: true, disable two-phase commit of the slot (alterSlot with twoPhase: false, from PostgreSQL 18 on), or use another slot.',
    });
  }
  if (slot.walStatus === 'lost' || slot.invalidationReason) {
    const why = slot.invalidationReason
      ? ` (${slot.invalidationReason})`
      : slot.conflicting
        ? ' because it conflicted with recovery on this standby'
        : ' because the server has removed WAL that it needs';
    throw new ReplicationError('SLOT_INVALIDATED', `Replication slot "${slot.name}" is invalidated${why}`);
  }
}
