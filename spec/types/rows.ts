import { expectTypeOf } from 'expect-type';
import type { Kysely, Selectable } from 'kysely';
import type {
  DeleteMessage,
  InsertMessage,
  Row,
  RowOf,
  TruncateMessage,
  UpdatedRow,
  UpdateMessage,
} from 'rxjs-pg-replication';
import type { Database, Invoice, Tables, UpdatedUser, User } from './tables';

export function withoutTablesNothingIsKnown(
  insert: InsertMessage,
  update: UpdateMessage,
  deletion: DeleteMessage,
  truncate: TruncateMessage,
): void {
  for (const change of [insert, update, deletion]) expectTypeOf(change.table).toEqualTypeOf<string>();
  expectTypeOf(insert.new).toEqualTypeOf<Row>();
  expectTypeOf(insert.unchanged).toEqualTypeOf<readonly string[]>();
  expectTypeOf(update.new).toEqualTypeOf<Row>();
  expectTypeOf(update.old).toEqualTypeOf<Row | undefined>();
  expectTypeOf(update.key).toEqualTypeOf<Row | undefined>();
  expectTypeOf(update.unchanged).toEqualTypeOf<readonly string[]>();
  expectTypeOf(deletion.old).toEqualTypeOf<Row | undefined>();
  expectTypeOf(deletion.key).toEqualTypeOf<Row | undefined>();
  expectTypeOf(truncate.tables).toEqualTypeOf<readonly string[]>();
}

export function anInsertMayLeaveOutTheSame(change: InsertMessage<Tables, 'users'>): void {
  expectTypeOf(change.table).toEqualTypeOf<'users'>();
  expectTypeOf(change.relation.table).toEqualTypeOf<'users'>();
  expectTypeOf(change.new).toEqualTypeOf<UpdatedUser>();
  expectTypeOf(change.unchanged).toEqualTypeOf<readonly ('id' | 'email' | 'nickname' | 'since')[]>();
  // @ts-expect-error a row filter may have made it of an UPDATE
  change.new.email.toLowerCase();
}

export function anUpdateMayLeaveOutWhatHasNoFixedLength(change: UpdateMessage<Tables, 'users'>): void {
  expectTypeOf(change.new).toEqualTypeOf<UpdatedUser>();
  expectTypeOf(change.unchanged).toEqualTypeOf<readonly ('id' | 'email' | 'nickname' | 'since')[]>();
  // @ts-expect-error it may be absent
  change.new.email.toLowerCase();
  // @ts-expect-error no column of that name
  console.log(change.new.name);
}

export function anUpdateHasAWholeOldRowOrNone(change: UpdateMessage<Tables, 'users'>): void {
  expectTypeOf(change.old).toEqualTypeOf<User | undefined>();
  expectTypeOf(change.key).toEqualTypeOf<Partial<User> | undefined>();
  if (change.old) expectTypeOf({ ...change.old, ...change.new }).toEqualTypeOf<User>();
}

export function aDeleteHasAWholeOldRowOrAKey(change: DeleteMessage<Tables, 'users'>): void {
  expectTypeOf(change.old).toEqualTypeOf<User | undefined>();
  expectTypeOf(change.key).toEqualTypeOf<Partial<User> | undefined>();
  // @ts-expect-error only an insert or an update has a new row
  console.log(change.new);
}

export function modifiersOfColumnsStay(): void {
  expectTypeOf<RowOf<Tables, 'billing.invoices'>>().toEqualTypeOf<Invoice>();
  expectTypeOf<UpdatedRow<Invoice>>().toEqualTypeOf<{ number: bigint; readonly lines?: string[]; paid?: boolean }>();
}

export function columnsThatSayLittleMayBeAbsent(): void {
  expectTypeOf<UpdatedRow<{ json: unknown; either: number | string; status: 'on' | 'off' }>>().toEqualTypeOf<{
    json?: unknown;
    either?: number | string;
    status?: 'on' | 'off';
  }>();
}

export function ofKyselyTheSelectTypesCount(change: DeleteMessage<Database, 'articles'>): void {
  expectTypeOf(change.old).toEqualTypeOf<
    | {
        id: number;
        uuid: string;
        title: string;
        draft: boolean;
        created_at: Date;
        tags: { names: string[] };
        rating: number | null;
      }
    | undefined
  >();
  expectTypeOf(change.old).toEqualTypeOf<Selectable<Database['articles']> | undefined>();
}

export function kyselySetsWhatAnUpdateHas(db: Kysely<Tables>, change: UpdateMessage<Tables, 'users'>): void {
  db.updateTable('users').set(change.new).where('id', '=', change.new.id);
  // @ts-expect-error not whole enough to be inserted
  db.insertInto('users').values(change.new);
}

export function kyselyInsertsARowThatIsKnownToBeWhole(
  db: Kysely<Tables>,
  change: InsertMessage<Tables, 'users'>,
): void {
  // @ts-expect-error it may lack columns
  db.insertInto('users').values(change.new);
  // Without row filters in the publications.
  db.insertInto('users').values(change.new as User);
}

export function aRowWithColumnsOfAnyNameStaysOne(change: UpdateMessage<{ events: Row }, 'events'>): void {
  expectTypeOf(change.new).toEqualTypeOf<Row>();
  expectTypeOf(change.unchanged).toEqualTypeOf<readonly string[]>();
}
