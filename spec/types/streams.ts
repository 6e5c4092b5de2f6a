import { expectTypeOf } from 'expect-type';
import { filter, from, type Observable } from 'rxjs';
import {
  ackAfter,
  logicalReplication,
  preflight,
  reconnect,
  stopAtLsn,
  stopOn,
  transactions,
  type AnyPgoutputConfig,
  type AnyReplicationMessage,
  type Change,
  type CommitPreparedMessage,
  type PreflightFinding,
  type InsertMessage,
  type KeepaliveMessage,
  type LogicalMessage,
  type PgoutputConfig,
  type PluginConfig,
  type PreparedTransaction,
  type ReplicationMessage,
  type RollbackPreparedMessage,
  type StreamConfig,
  type StreamingConfig,
  type StreamingMessage,
  type StreamingTwoPhaseConfig,
  type Transaction,
  type TwoPhaseConfig,
  type TwoPhaseMessage,
  type XLogDataMessage,
} from 'rxjs-pg-replication';
import type { Database, Tables, UpdatedUser, User } from './tables';

/** The values of a stream with two-phase commit. */
type Ended = CommitPreparedMessage | RollbackPreparedMessage;

const base = { slot: 'users', publications: ['users_pub'] } as const;

export function withoutTablesAllIsAsItWas(config: PgoutputConfig): void {
  const stream = logicalReplication(config);
  expectTypeOf(stream).toEqualTypeOf<Observable<ReplicationMessage>>();
  expectTypeOf(stream.pipe(transactions())).toEqualTypeOf<Observable<Transaction>>();
  expectTypeOf(stream.pipe(transactions({ includeNonTransactionalMessages: true }))).toEqualTypeOf<
    Observable<Transaction | LogicalMessage>
  >();
}

export function everyKindOfStreamWorksWithoutTables(
  streaming: StreamingConfig,
  twoPhase: TwoPhaseConfig,
  both: StreamingTwoPhaseConfig,
  plugin: PluginConfig,
): void {
  expectTypeOf(logicalReplication(streaming)).toEqualTypeOf<Observable<ReplicationMessage | StreamingMessage>>();
  expectTypeOf(logicalReplication(twoPhase)).toEqualTypeOf<Observable<ReplicationMessage | TwoPhaseMessage>>();
  expectTypeOf(logicalReplication(both)).toEqualTypeOf<
    Observable<ReplicationMessage | StreamingMessage | TwoPhaseMessage>
  >();
  expectTypeOf(logicalReplication(plugin)).toEqualTypeOf<Observable<XLogDataMessage | KeepaliveMessage>>();
}

export function everyKindOfStreamWorksWithTables(): void {
  expectTypeOf(logicalReplication<Tables>(base)).toEqualTypeOf<Observable<ReplicationMessage<Tables>>>();
  expectTypeOf(logicalReplication<Tables>({ ...base, streaming: 'parallel' })).toEqualTypeOf<
    Observable<ReplicationMessage<Tables> | StreamingMessage<Tables>>
  >();
  expectTypeOf(logicalReplication<Tables>({ ...base, twoPhase: true })).toEqualTypeOf<
    Observable<ReplicationMessage<Tables> | TwoPhaseMessage>
  >();
  expectTypeOf(logicalReplication<Tables>({ ...base, streaming: 'on', twoPhase: true })).toEqualTypeOf<
    Observable<ReplicationMessage<Tables> | StreamingMessage<Tables> | TwoPhaseMessage>
  >();
}

export function whatIsKnownAtRunTimeOnlyMayBeAnything(config: AnyPgoutputConfig, streaming: 'on' | 'off'): void {
  expectTypeOf(logicalReplication(config)).toEqualTypeOf<Observable<AnyReplicationMessage>>();
  expectTypeOf(logicalReplication<Tables>({ ...base, streaming })).toEqualTypeOf<
    Observable<AnyReplicationMessage<Tables>>
  >();
}

export function preflightTakesWhatLogicalReplicationTakes(config: AnyPgoutputConfig, streaming: 'on' | 'off'): void {
  expectTypeOf<Parameters<typeof preflight>>().toEqualTypeOf<[StreamConfig]>();
  expectTypeOf(preflight(config)).toEqualTypeOf<Observable<readonly PreflightFinding[]>>();
  preflight({ ...base, streaming, twoPhase: streaming === 'on' });
  expectTypeOf<PgoutputConfig | StreamingConfig | TwoPhaseConfig | StreamingTwoPhaseConfig>().toExtend<StreamConfig>();
  expectTypeOf<PluginConfig>().toExtend<StreamConfig>();
}

export function rawDataHaveNoTables(plugin: PluginConfig): void {
  // @ts-expect-error the output of another plugin is not decoded, so it has no tables
  logicalReplication<Tables>(plugin);
}

export function tablesAreAnObjectType(config: PgoutputConfig): void {
  // @ts-expect-error Tables is a type with rows, not a name
  logicalReplication<'users'>(config);
}

export function transactionsKeepTheTables(config: PgoutputConfig): void {
  const units = logicalReplication<Tables>(config).pipe(transactions());
  expectTypeOf(units).toEqualTypeOf<Observable<Transaction<Tables>>>();
  units.subscribe((tx) => {
    expectTypeOf(tx.changes).toEqualTypeOf<readonly Change<Tables>[]>();
    for (const change of tx) {
      if (change.table === 'users' && change.kind === 'insert') expectTypeOf(change.new).toEqualTypeOf<UpdatedUser>();
      if (change.kind === 'truncate') {
        expectTypeOf(change.tables).toEqualTypeOf<readonly ('users' | 'billing.invoices')[]>();
      }
      // @ts-expect-error not declared
      if (change.table === 'orders') return;
      // @ts-expect-error change.table is not narrowed
      if (change.kind === 'insert') console.log(change.new.email);
    }
  });
}

export function transactionsOfEveryStreamKeepTheTables(): void {
  expectTypeOf(logicalReplication<Database>({ ...base, streaming: 'on' }).pipe(transactions())).toEqualTypeOf<
    Observable<Transaction<Database>>
  >();
  expectTypeOf(logicalReplication<Database>({ ...base, twoPhase: true }).pipe(transactions())).toEqualTypeOf<
    Observable<Transaction<Database> | PreparedTransaction<Database> | Ended>
  >();
  expectTypeOf(
    logicalReplication<Database>({ ...base, streaming: 'on', twoPhase: true }).pipe(
      transactions({ includeNonTransactionalMessages: true }),
    ),
  ).toEqualTypeOf<Observable<Transaction<Database> | PreparedTransaction<Database> | Ended | LogicalMessage>>();
}

export function aChangeIsToldByItsTableOrItsKind(change: Change<Tables>): void {
  if (change.table === undefined) {
    expectTypeOf<typeof change.kind>().toEqualTypeOf<'truncate' | 'message'>();
  } else {
    expectTypeOf(change.table).toEqualTypeOf<'users' | 'billing.invoices'>();
    expectTypeOf<typeof change.kind>().toEqualTypeOf<'insert' | 'update' | 'delete'>();
  }
  switch (change.table) {
    case 'users':
      if (change.kind === 'update') expectTypeOf(change.old).toEqualTypeOf<User | undefined>();
      break;
    case 'billing.invoices':
      if (change.kind === 'insert') expectTypeOf(change.new.number).toEqualTypeOf<bigint>();
  }
}

export function theFlatStreamIsToldByKindThenTable(message: ReplicationMessage<Tables>): void {
  if (message.kind === 'insert' && message.table === 'users') {
    expectTypeOf(message).toEqualTypeOf<InsertMessage<Tables, 'users'>>();
  }
}

export function operatorsKeepTheTablesWithoutAnnotations(config: PgoutputConfig, notifier: Observable<unknown>): void {
  const flat = logicalReplication<Tables>(config).pipe(stopAtLsn('0/1'), stopOn(notifier), reconnect());
  expectTypeOf(flat).toEqualTypeOf<Observable<ReplicationMessage<Tables>>>();

  const works = logicalReplication<Tables>({ ...config, streaming: 'on' }).pipe(
    stopAtLsn('0/1'),
    stopOn(notifier),
    transactions(),
    ackAfter((tx) => {
      expectTypeOf(tx).toEqualTypeOf<Transaction<Tables>>();
      return from(
        [...tx].flatMap((change) => (change.table === 'users' && change.kind === 'insert' ? change.new : [])),
      );
    }),
    reconnect(),
  );
  expectTypeOf(works).toEqualTypeOf<Observable<UpdatedUser>>();
}

export function aFilterKeepsTheTables(config: PgoutputConfig): void {
  const units = logicalReplication<Tables>(config).pipe(
    filter((message) => message.kind !== 'truncate'),
    transactions(),
  );
  expectTypeOf(units).toEqualTypeOf<Observable<Transaction<Tables>>>();
}

export function whatServesAnyTablesServesDeclaredOnes(
  config: PgoutputConfig,
  log: (tx: Transaction) => void,
  audit: (change: Change) => void,
  wrong: (tx: Transaction<{ users: { id: number; name: string } }>) => void,
): void {
  logicalReplication<Database>(config).pipe(transactions(), ackAfter(log));
  logicalReplication<Database>(config).pipe(
    transactions(),
    ackAfter((tx) => {
      tx.changes.forEach(audit);
    }),
  );
  // @ts-expect-error other tables
  logicalReplication<Tables>(config).pipe(transactions(), ackAfter(wrong));
  // @ts-expect-error a stream of undeclared tables does not have these columns
  logicalReplication(config).pipe(transactions(), ackAfter(wrong));
}
