import { expectTypeOf } from 'expect-type';
import type { Observable } from 'rxjs';
import {
  ackAfter,
  logicalReplication,
  ofTable,
  reconnect,
  stopOn,
  type PgoutputConfig,
  type TableChange,
} from 'rxjs-pg-replication';
import type { Database, Tables, UpdatedUser } from './tables';

export function withoutTablesAnyNameWillDo(config: PgoutputConfig, names: string[]): void {
  const stream = logicalReplication(config);
  expectTypeOf(stream.pipe(ofTable('users'))).toEqualTypeOf<Observable<TableChange>>();
  expectTypeOf(stream.pipe(ofTable(...names))).toEqualTypeOf<Observable<TableChange>>();
}

export function aNameNarrows(config: PgoutputConfig): void {
  const changes = logicalReplication<Tables>(config).pipe(ofTable('users'));
  expectTypeOf(changes).toEqualTypeOf<Observable<TableChange<Tables, 'users'>>>();
  changes.subscribe((change) => {
    expectTypeOf<typeof change.kind>().toEqualTypeOf<'insert' | 'update' | 'delete' | 'truncate'>();
    expectTypeOf(change.table).toEqualTypeOf<'users' | undefined>();
    if (change.kind === 'insert') expectTypeOf(change.new).toEqualTypeOf<UpdatedUser>();
    // One command may truncate others as well.
    if (change.kind === 'truncate') {
      expectTypeOf(change.tables).toEqualTypeOf<readonly ('users' | 'billing.invoices')[]>();
    }
  });
}

export function severalNamesAreAUnion(config: PgoutputConfig): void {
  const changes = logicalReplication<Tables>(config).pipe(ofTable('users', 'billing.invoices'));
  expectTypeOf(changes).toEqualTypeOf<Observable<TableChange<Tables>>>();
  changes.subscribe((change) => {
    if (change.table === 'billing.invoices' && change.kind === 'insert') {
      expectTypeOf(change.new.number).toEqualTypeOf<bigint>();
    }
  });
}

export function aNameHasToBeDeclared(config: PgoutputConfig, names: string[]): void {
  // @ts-expect-error a typing mistake
  logicalReplication<Tables>(config).pipe(ofTable('user'));
  // @ts-expect-error the table of another schema goes by that, too
  logicalReplication<Tables>(config).pipe(ofTable('users', 'invoices'));
  // @ts-expect-error names that nobody knows
  logicalReplication<Tables>(config).pipe(ofTable(...names));
}

export function blocksAreForTransactions(config: PgoutputConfig): void {
  // @ts-expect-error what is streamed may yet be rolled back
  logicalReplication<Tables>({ ...config, streaming: 'on' }).pipe(ofTable('users'));
}

export function whatStandsAroundItKeepsTheTypes(
  config: PgoutputConfig,
  notifier: Observable<unknown>,
  index: (change: TableChange<Database, 'articles'>) => Promise<string>,
): void {
  const ids = logicalReplication<Database>(config).pipe(
    stopOn(notifier),
    ofTable('articles'),
    ackAfter((change) => (change.kind === 'insert' ? [change.new.id] : [])),
    reconnect(),
  );
  expectTypeOf(ids).toEqualTypeOf<Observable<number>>();
  expectTypeOf(logicalReplication<Database>(config).pipe(ofTable('articles'), ackAfter(index))).toEqualTypeOf<
    Observable<string>
  >();
  // @ts-expect-error changes of another table
  logicalReplication<Database>(config).pipe(ofTable('blog.tags'), ackAfter(index));
}
