import { lastValueFrom, map, tap, toArray, type Observable } from 'rxjs';
import {
  ackAfter,
  logicalReplication,
  stopAtLsn,
  transactions,
  type AnyReplicationMessage,
  type Change,
  type LogicalMessage,
  type Lsn,
  type Transaction,
} from '../../../lib/index';
import { uniqueName } from '../../support/server';
import type { TestBed } from '../support/bed';
import type { Scenario, Seen, SeenChange } from './scenario';
import type { Way } from './ways';

/** The data read from a slot. */
export interface Reading {
  /** The transactions, without properties that depend on how they were sent. */
  readonly units: readonly object[];
  /** The same without LSNs, times and tables, as scenarios describe it. */
  readonly seen: readonly Seen[];
  /** The flat stream, unless transactions are streamed. It is the same for all protocol versions. */
  readonly flat: readonly object[];
  /** The number of messages by kind. */
  readonly counts: Readonly<Record<string, number>>;
}

/** A copy of a slot. */
export async function copyOf(bed: TestBed, slot: string): Promise<string> {
  const copy = uniqueName('slot');
  await bed.sql('SELECT pg_copy_logical_replication_slot($1, $2)', [slot, copy]);
  return copy;
}

/** Reads a slot up to a position in one way, and drops it. */
export async function read(
  bed: TestBed,
  slot: string,
  end: Lsn,
  way: Way,
  config: Scenario['config'],
): Promise<Reading> {
  const flat: object[] = [];
  const counts: Record<string, number> = {};
  const units = await lastValueFrom(
    streamOf(bed, slot, way, config).pipe(
      stopAtLsn(end),
      tap((message) => {
        counts[message.kind] = (counts[message.kind] ?? 0) + 1;
        if (way.streaming === 'off' && message.kind !== 'keepalive') flat.push({ ...message, ...tablesOf(message) });
      }),
      transactions({ includeNonTransactionalMessages: true }),
      // A spooled transaction can be read until it is acknowledged.
      map((unit) => {
        if (unit.kind !== 'transaction' && unit.kind !== 'message') throw new Error(`There came a ${unit.kind}`);
        return { content: contentOf(unit), seen: seenOf(unit), ack: unit.ack };
      }),
      ackAfter((unit) => [unit]),
      toArray(),
    ),
  );
  await bed.sql('SELECT pg_drop_replication_slot($1)', [slot]);
  return { units: units.map(({ content }) => content), seen: units.map(({ seen }) => seen), flat, counts };
}

function streamOf(bed: TestBed, slot: string, way: Way, config: Scenario['config']): Observable<AnyReplicationMessage> {
  const { protoVersion, streaming, binary, atOnce } = way;
  const options = atOnce ? '-c debug_logical_replication_streaming=immediate' : '';
  const base = {
    ...bed.config(slot, { protoVersion, binary, ...config }),
    connection: { connectionString: bed.database.url, options },
  };
  return streaming === 'off' ? logicalReplication(base) : logicalReplication({ ...base, streaming });
}

/** For a transaction sent in blocks, such a message is emitted while the transaction is open. */
type Unit = Transaction | LogicalMessage;

function contentOf(unit: Unit): object {
  if (unit.kind === 'message') return { ...unit };
  const { slot: _slot, ...checkpoint } = unit.checkpoint;
  const changes = [...unit].map((change) => ({ ...change, ...tablesOf(change) }));
  return { ...unit, checkpoint, changes };
}

/** The tables of a message are not enumerable properties. */
function tablesOf(message: AnyReplicationMessage): object {
  switch (message.kind) {
    case 'insert':
    case 'update':
    case 'delete':
      return { relation: message.relation };
    case 'truncate':
      return { relations: message.relations };
    default:
      return {};
  }
}

function seenOf(unit: Unit): Seen {
  if (unit.kind === 'message') return { outside: unit.prefix, content: unit.content.toString() };
  const changes: SeenChange[] = [];
  for (const change of unit) {
    const seen = seenChange(change);
    const last = changes.at(-1);
    if (last && 'padding' in seen && 'padding' in last) changes[changes.length - 1] = { padding: last.padding + 1 };
    else changes.push(seen);
  }
  const { origin, commitTime } = unit;
  return origin === undefined ? changes : { origin, commitTime: commitTime.toISOString(), changes };
}

function seenChange(change: Change): SeenChange {
  switch (change.kind) {
    case 'insert':
      return change.table === 'padding' ? { padding: 1 } : { insert: change.table, row: change.new };
    case 'update': {
      const { table, new: row, old, key, unchanged } = change;
      return { update: table, row, ...given({ old, key }), ...(unchanged.length > 0 && { unchanged }) };
    }
    case 'delete': {
      const { table, old, key } = change;
      return { delete: table, ...given({ old, key }) };
    }
    case 'truncate': {
      const { tables, cascade, restartIdentity } = change;
      return { truncate: tables, ...(cascade && { cascade }), ...(restartIdentity && { restartIdentity }) };
    }
    case 'message':
      return { message: change.prefix, content: change.content.toString() };
  }
}

type Rows = Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;

function given(rows: Rows): Rows {
  return Object.fromEntries(Object.entries(rows).filter(([, row]) => row !== undefined));
}
