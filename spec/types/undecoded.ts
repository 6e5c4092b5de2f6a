import { expectTypeOf } from 'expect-type';
import type { Observable } from 'rxjs';
import {
  ackAfter,
  logicalReplication,
  ofTable,
  transactions,
  UndecodedValue,
  type AnyPgoutputConfig,
  type DeliveringConfig,
  type ReplicationMessage,
  type Row,
  type RowOf,
  type StreamingConfig,
  type StreamingMessage,
  type TwoPhaseConfig,
  type TwoPhaseMessage,
  type WithUndecoded,
} from 'rxjs-pg-replication';
import type { Database, Tables } from './tables';

export function whatIsDeliveredMayBeUndecoded(
  plain: DeliveringConfig,
  streaming: DeliveringConfig<StreamingConfig>,
  twoPhase: DeliveringConfig<TwoPhaseConfig>,
): void {
  type Delivered = WithUndecoded<Tables>;
  expectTypeOf(logicalReplication<Tables>(plain)).toEqualTypeOf<Observable<ReplicationMessage<Delivered>>>();
  expectTypeOf(logicalReplication<Tables>(streaming)).toEqualTypeOf<
    Observable<ReplicationMessage<Delivered> | StreamingMessage<Delivered>>
  >();
  expectTypeOf(logicalReplication<Tables>(twoPhase)).toEqualTypeOf<
    Observable<ReplicationMessage<Delivered> | TwoPhaseMessage>
  >();
}

export function aValueHasToBeLookedAt(config: DeliveringConfig): void {
  logicalReplication<Tables>(config).pipe(
    ofTable('users'),
    ackAfter((change) => {
      if (change.kind !== 'insert') return;
      const { id, email } = change.new;
      expectTypeOf(id).toEqualTypeOf<number | UndecodedValue>();
      // @ts-expect-error it may be undecoded
      email.toLowerCase();
      if (!(email instanceof UndecodedValue)) expectTypeOf(email).toEqualTypeOf<string | undefined>();
      else expectTypeOf(email.bytes).toEqualTypeOf<Buffer>();
    }),
  );
}

export function whatHasAFixedLengthIsStillThereAfterAnUpdate(config: DeliveringConfig): void {
  logicalReplication<Tables>(config)
    .pipe(transactions())
    .subscribe((tx) => {
      for (const change of tx) {
        if (change.kind !== 'update' || change.table !== 'users') continue;
        expectTypeOf(change.new.id).toEqualTypeOf<number | UndecodedValue>();
        expectTypeOf(change.new.email).toEqualTypeOf<string | UndecodedValue | undefined>();
      }
    });
}

export function aConfigurationOfTheRunningProgramMayDeliver(config: AnyPgoutputConfig): void {
  logicalReplication<Tables>(config).subscribe((message) => {
    if (message.kind !== 'insert' || message.table !== 'users') return;
    expectTypeOf(message.new.id).toEqualTypeOf<number | UndecodedValue>();
  });
}

export function tablesOfKyselyServe(row: RowOf<WithUndecoded<Database>, 'articles'>): void {
  expectTypeOf(row.id).toEqualTypeOf<number | UndecodedValue>();
  expectTypeOf(row.created_at).toEqualTypeOf<Date | UndecodedValue>();
  // @ts-expect-error it cannot be read
  console.log(row.password);
}

export function undeclaredTablesHaveRowsOfWhichNothingIsKnown(config: DeliveringConfig): void {
  logicalReplication(config).subscribe((message) => {
    if (message.kind === 'insert') expectTypeOf(message.new).toEqualTypeOf<Row>();
  });
}
