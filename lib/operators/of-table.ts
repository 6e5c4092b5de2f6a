import { filter, type OperatorFunction } from 'rxjs';
import { Delivery } from '../ledger/acknowledgement';
import { ConfigError } from '../common/errors';
import { isPgoutputMessage } from '../pgoutput/messages/message-facts';
import type { ReplicationMessage, TableChange, TablesOf } from '../pgoutput/messages/messages';
import { parseTableName, TABLE_NAME_EXPECTED, formatTableName } from '../pgoutput/messages/table';
import { createNotAMessageError } from './not-a-message';

/** The changes of the named tables. If no tables are declared, the name does not determine the row type. */
export type ChangeOf<Tables extends object, Name extends keyof Tables & string> = string extends keyof Tables & string
  ? TableChange<Tables>
  : TableChange<Tables, Name>;

/**
 * Emits the changes of the named tables, and the truncates that include one of them. It drops and acknowledges all other
 * messages, so that the slot advances as you acknowledge what is emitted.
 *
 * Put `stopAtLsn` before `ofTable`, which drops the Commits and keepalives that `stopAtLsn` needs.
 *
 * The name of a table that does not exist is not an error: all changes are then dropped and acknowledged. If the tables of
 * the stream are declared, the types accept only their names, and the changes have their row types. A truncate can include
 * other tables too.
 *
 * @param names as in `change.table`: `users` in schema public, `billing.invoices` in others; a schema or name that contains a
 * dot or a quotation mark is quoted: `"a.b"`
 * @throws {ConfigError} `CONFIG_INVALID` without names or with an invalid name; through the observable if `startLsn` is a
 * function, and with `streaming` or `twoPhase`, because their changes can still be rolled back
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
  const wanted = new Set(names.map(toCanonicalName));
  return filter((message): message is TableChange => {
    if (belongsToTables(message, wanted)) return true;
    if (!isPgoutputMessage(message)) {
      throw createNotAMessageError(
        'ofTable',
        message,
        'choose inside the work of ackAfter, or use ofTable in place of transactions()',
      );
    }
    if (UNCOMMITTED.has(message.kind)) {
      throw new ConfigError(
        'ofTable',
        'would emit changes of a transaction that can still be rolled back; use transactions(), and choose inside the work of ackAfter',
      );
    }
    if (isCopyBegin(message)) {
      throw new ConfigError(
        'ofTable',
        'drops the start of the copy, at which you have to clear the tables; use transactions(), and choose inside the work of ackAfter',
      );
    }
    if (Delivery.getHandle(message)?.session.consumerOwnsPosition) {
      throw new ConfigError(
        'ofTable',
        'drops Commit messages, whose checkpoints you have to store because startLsn is a function; use transactions(), and choose inside the work of ackAfter',
      );
    }
    Delivery.discard(message);
    return false;
  });
}

/** Formats a name as in `change.table`: without schema public, quoted only if necessary. */
function toCanonicalName(name: string): string {
  const parsed = parseTableName(name);
  if (!parsed) throw new ConfigError('ofTable', `${JSON.stringify(name)}: ${TABLE_NAME_EXPECTED}`);
  return formatTableName(parsed.schema, parsed.name);
}

/** The first messages of uncommitted changes. Only `streaming` and `twoPhase` have them; the types exclude both. */
const UNCOMMITTED: ReadonlySet<string> = new Set(['streamStart', 'beginPrepare']);

/** The types exclude it. */
function isCopyBegin({ kind }: { readonly kind: string }): boolean {
  return kind === 'copyBegin';
}

function belongsToTables(message: ReplicationMessage | undefined, wanted: ReadonlySet<string>): boolean {
  switch (message?.kind) {
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
