import { Observable, type OperatorFunction } from 'rxjs';
import { ConfigError } from '../errors';
import type {
  DeleteMessage,
  InsertMessage,
  ReplicationMessage,
  TruncateMessage,
  UpdateMessage,
} from '../pgoutput/messages';

/** What can happen to a table. */
export type TableChange = InsertMessage | UpdateMessage | DeleteMessage | TruncateMessage;

/**
 * Passes on the changes of some tables, and the truncates that touch one of them. Everything else on the flat stream is
 * dropped and settled, so that it does not hold up the slot: acknowledge what comes through, and the slot moves.
 *
 * @param names as in `change.table`: `users` in schema public, `billing.invoices` elsewhere
 * @throws {ConfigError} `CONFIG_INVALID` when no table is named
 * @example
 * logicalReplication(config).pipe(ofTable('users'), ackAfter((change) => index(change))).subscribe();
 */
export function ofTable(...names: readonly string[]): OperatorFunction<ReplicationMessage, TableChange> {
  if (names.length === 0) throw new ConfigError('ofTable', 'name at least one table');
  const wanted = new Set(names);
  return (source) =>
    new Observable((subscriber) =>
      source.subscribe({
        next: (message) => {
          switch (message.kind) {
            case 'insert':
            case 'update':
            case 'delete':
              if (wanted.has(message.table)) {
                subscriber.next(message);
                return;
              }
              break;
            case 'truncate':
              if (message.tables.some((table) => wanted.has(table))) {
                subscriber.next(message);
                return;
              }
              break;
            default:
          }
          message.ack();
        },
        error: (error) => {
          subscriber.error(error);
        },
        complete: () => {
          subscriber.complete();
        },
      }),
    );
}
