import { ReplicationError } from '../errors';
import { formatLsn, laterLsn, type Lsn } from '../lsn';
import { publicationNames, quoteLiteral, startReplication } from '../wire/sql';
import { query, startCopyBoth, textOf, type Conversation } from './conversation';
import { createSlot, identifySystem, slotStatus, type SlotStatus, type SystemIdentity } from './slot-commands';
import type { SlotMemory } from './slot-memory';
import type { ServerInfo } from './startup';

/** What to stream. */
export interface StreamPlan {
  readonly slot: string;
  readonly plugin: string;
  /** The publications to read; undefined for another plugin than pgoutput. */
  readonly publications: readonly string[] | undefined;
  /** The plugin's options, as START_REPLICATION takes them. */
  readonly pluginOptions: Readonly<Record<string, string>>;
  readonly ensureSlot: { readonly temporary: boolean } | undefined;
  readonly startLsn: Lsn | undefined;
}

/** What the subscriber's `openObserver` hears when the stream starts. */
export interface OpenInfo extends SystemIdentity {
  /** As in server_version_num: 180004 is 18.4. */
  readonly serverVersion: number;
  /** In ms; 0 for none. */
  readonly walSenderTimeout: number;
  /** The slot as it was just before the stream started. */
  readonly slot: SlotStatus;
  /** Whether this subscription made the slot. */
  readonly slotCreated: boolean;
  /** The position that was asked for; undefined for the slot's own. */
  readonly startLsn: Lsn | undefined;
}

/** Everything between start-up and CopyBoth: looks before it leaps, so that nothing is skipped silently. */
export function* openStream(plan: StreamPlan, server: ServerInfo, memory: SlotMemory): Conversation<OpenInfo> {
  const identity = yield* identifySystem();
  memory.recognise(identity.systemId);
  if (plan.publications) yield* checkPublications(plan.publications);

  const found = yield* slotStatus(plan.slot);
  if (found) memory.check(found);
  else if (memory.seen) memory.lost(plan.slot);
  const slotCreated = !found && (yield* makeSlot(plan, server));
  const slot = found ?? (yield* slotStatus(plan.slot));
  if (!slot)
    throw new ReplicationError('SLOT_MISSING', `Replication slot "${plan.slot}" was dropped as soon as it was made`);
  checkSlot(slot, plan, server);
  // One that was found may still be another's, who moves it or gives it up before we get it.
  if (slotCreated) memory.see(slot, identity.systemId);

  const start = startOf(plan, memory);
  const options = plan.publications
    ? { ...plan.pluginOptions, publication_names: publicationNames(plan.publications) }
    : plan.pluginOptions;
  yield* startCopyBoth(startReplication(plan.slot, formatLsn(start ?? 0n), options));
  memory.see(slot, identity.systemId);
  return {
    ...identity,
    serverVersion: server.version,
    walSenderTimeout: server.walSenderTimeout,
    slot,
    slotCreated,
    startLsn: start,
  };
}

function* checkPublications(publications: readonly string[]): Conversation<void> {
  const list = publications.map(quoteLiteral).join(', ');
  const rows = yield* query(`SELECT pubname FROM pg_catalog.pg_publication WHERE pubname IN (${list})`);
  const known = new Set(rows.map((row) => textOf(row, 'pubname')));
  const missing = publications.filter((name) => !known.has(name));
  if (missing.length > 0) {
    const names = missing.map((name) => JSON.stringify(name)).join(', ');
    throw new ReplicationError('PUBLICATION_MISSING', `Publication ${names} does not exist in this database`);
  }
}

/** @returns false when somebody else made it at the same time */
function* makeSlot(plan: StreamPlan, server: ServerInfo): Conversation<boolean> {
  if (!plan.ensureSlot) {
    // Whoever now made the slot would fail for this reason, so it is what to mend first. From 19 on the server raises the
    // level by itself.
    if (server.walLevel !== 'logical' && server.version < 190_000) {
      throw new ReplicationError('WAL_LEVEL', `wal_level is ${server.walLevel}`);
    }
    throw new ReplicationError('SLOT_MISSING', `Replication slot "${plan.slot}" does not exist`);
  }
  try {
    yield* createSlot(plan.slot, plan.plugin, plan.ensureSlot.temporary, server.version);
    return true;
  } catch (error) {
    if (error instanceof ReplicationError && error.code === 'SLOT_EXISTS') return false;
    throw error;
  }
}

function checkSlot(slot: SlotStatus, plan: StreamPlan, server: ServerInfo): void {
  const wrong = (what: string) => new ReplicationError('SLOT_WRONG_KIND', `Replication slot "${slot.name}" ${what}`);
  if (slot.type === 'physical') throw wrong('is a physical slot');
  if (slot.plugin !== plan.plugin) throw wrong(`uses output plugin ${slot.plugin ?? ''}, not ${plan.plugin}`);
  if (slot.database !== server.database)
    throw wrong(`belongs to database ${slot.database ?? ''}, not ${server.database}`);
  if (slot.walStatus === 'lost') {
    throw new ReplicationError('SLOT_INVALIDATED', `Replication slot "${slot.name}" has lost the WAL that it needs`);
  }
}

/** What was acknowledged but not reported to the server any more is not asked for again. */
function startOf(plan: StreamPlan, memory: SlotMemory): Lsn | undefined {
  const start = laterLsn(plan.startLsn ?? 0n, memory.confirmed);
  return start === 0n ? undefined : start;
}
