import { filter, type OperatorFunction } from 'rxjs';
import { Delivery } from '../ledger/acknowledgement';
import { ConfigError } from '../common/errors';
import type { ReplicationMessage, TableChange, TablesOf } from '../pgoutput/messages/messages';
import { parseTableName, TABLE_NAME_EXPECTED, tableName } from '../pgoutput/messages/table';

/** The changes of declared tables; where none are declared a name tells nothing of the row. */
export type ChangeOf<Tables extends object, Name extends keyof Tables & string> = string extends keyof Tables & string
  ? TableChange<Tables>
  : TableChange<Tables, Name>;

/**
 * Passes on the changes of some tables, and the truncates that touch one of them. Everything else on the flat stream is
 * dropped and settled, so that it does not hold up the slot: acknowledge what comes through, and the slot moves.
 *
 * `stopAtLsn` stands before it: behind it, no Commit and no keepalive would tell that the position has been passed.
 *
 * A name that never comes up is no error: then all changes are settled unseen. Where the stream's tables are declared, only
 * their names are let pass, and what comes through is of their rows; a truncate may touch others as well.
 *
 * @param names as in `change.table`: `users` in schema public, `billing.invoices` elsewhere; a schema or name with a dot or a
 * quotation mark in it is quoted, as in `"a.b"`
 * @throws {ConfigError} `CONFIG_INVALID` when no table is named, or with text that is no table's name; through the observable where `startLsn` is a function, and
 * with `streaming` or `twoPhase`, whose changes may yet be rolled back
 * @example
 * logicalReplication(config).pipe(ofTable('users'), ackAfter((change) => index(change))).subscribe();
 */
export function ofTable<M extends ReplicationMessage, Name extends keyof TablesOf<M> & string>(
  ...names: readonly Name[]
): OperatorFunction<M, ChangeOf<TablesOf<M>, Name>>;
export function ofTable(...names: readonly string[]): OperatorFunction<ReplicationMessage, TableChange> {
  if (names.length === 0) throw new ConfigError('ofTable', 'name at least one table');
  if (!names.every((name) => typeof name === 'string' && name !== '')) {
    throw new ConfigError('ofTable', "expected the names of tables, each as an argument: ofTable('users', 'orders')");
  }
  const wanted = new Set(names.map(canonicalName));
  return filter((message): message is TableChange => {
    if (touches(message, wanted)) return true;
    if (UNDECIDED.has(message.kind)) {
      throw new ConfigError(
        'ofTable',
        'would pass on changes of a transaction that may yet be rolled back; use transactions(), and choose inside the work',
      );
    }
    if (Delivery.getHandle(message)?.session.consumerKeepsPosition) {
      throw new ConfigError(
        'ofTable',
        'drops each Commit, whose position belongs in the store that startLsn reads from; use transactions(), and choose inside the work',
      );
    }
    Delivery.discard(message);
    return false;
  });
}

/** The one name that messages have for a table: without its schema where that is public, and quoted only where it has to be. */
function canonicalName(name: string): string {
  const parsed = parseTableName(name);
  if (!parsed) throw new ConfigError('ofTable', `${JSON.stringify(name)}: ${TABLE_NAME_EXPECTED}`);
  return tableName(parsed.schema, parsed.name);
}

/** What begins changes that do not count yet. Only `streaming` and `twoPhase` have them, which the types do not let in. */
const UNDECIDED: ReadonlySet<string> = new Set(['streamStart', 'beginPrepare']);

function touches(message: ReplicationMessage, wanted: ReadonlySet<string>): boolean {
  switch (message.kind) {
    case 'insert':
    case 'update':
    case 'delete':
      return wanted.has(message.table);
    case 'truncate':
      return message.tables.some((table) => wanted.has(table));
    default:
      return false;
  }
}
