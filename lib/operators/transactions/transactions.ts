import { defer, filter, map, tap, type OperatorFunction } from 'rxjs';
import type { LogicalMessage } from '../../pgoutput/messages/change-messages';
import type { AnyReplicationMessage, TablesOf, TwoPhaseMessage } from '../../pgoutput/messages/messages';
import type { CommitPreparedMessage, RollbackPreparedMessage } from '../../pgoutput/messages/two-phase-messages';
import { TransactionAssembler, type AssembledMessage } from './transaction-assembler';
import type { PreparedTransaction, Transaction } from './transaction';
import { readTransactionsOptions, type TransactionsOptions } from './transactions-options';

/** What {@link transactions} emits, by what the stream was asked for. */
export type TransactionOf<M> =
  | Transaction<TablesOf<M>>
  | (Extract<M, TwoPhaseMessage> extends never
      ? never
      : PreparedTransaction<TablesOf<M>> | CommitPreparedMessage | RollbackPreparedMessage);

/**
 * Groups the flat stream: Begin … Commit becomes one {@link Transaction}, in commit order.
 *
 * While a transaction is gathered the window does not stop it, so one may be larger than the window; the Transaction then
 * counts as one delivery with the bytes of all its changes. What belongs to no transaction (keepalives, relations, types)
 * goes no further. Transactions in which nothing is left, after a filter say, are not emitted.
 *
 * A transaction that comes in blocks (`streaming`) is kept back until it commits, without what was aborted of it. When all
 * that are open have more bytes than `maxBytes` together, the largest go to a file, from which they are read as one iterates
 * over them. With `twoPhase` a prepared
 * transaction comes as a {@link PreparedTransaction}, and what ends it as a `commitPrepared` or `rollbackPrepared` message.
 *
 * Where the consumer keeps the position (`startLsn` as a function), a quiet stream emits a Transaction of kind `progress`
 * and size 0 now and then, at most once per `statusInterval` or when the server asks. Store its position like that of any
 * other; it has to be acknowledged, too.
 *
 * @throws {ConfigError} `CONFIG_INVALID` when an option cannot be used
 * @throws {ReplicationError} through the observable: `SPOOL_FAILED` when such a file cannot be written
 * @example
 * logicalReplication(config)
 *   .pipe(transactions())
 *   .subscribe((tx) => {
 *     console.log(`${tx.size} changes, committed at ${tx.commitTime.toISOString()}`);
 *     tx.ack();
 *   });
 */
export function transactions<M extends AnyReplicationMessage>(
  options?: TransactionsOptions & { readonly includeNonTransactionalMessages?: false },
): OperatorFunction<M, TransactionOf<M>>;
export function transactions<M extends AnyReplicationMessage>(
  options: TransactionsOptions,
): OperatorFunction<M, TransactionOf<M> | LogicalMessage>;
export function transactions(
  options: TransactionsOptions = {},
): OperatorFunction<AnyReplicationMessage, AssembledMessage> {
  const settings = readTransactionsOptions(options);
  return (source) =>
    defer(() => {
      const assembler = new TransactionAssembler(settings);
      const end = (): void => {
        assembler.end();
      };
      const complete = (): void => {
        assembler.complete();
      };
      return source.pipe(
        // Most messages complete nothing, and go no further than this.
        filter((message) => assembler.gather(message)),
        map((message) => assembler.finish(message)),
        filter((unit) => unit !== undefined),
        // Before the end is passed on: a subscriber that is told of it finds no spool file open, except for running works.
        tap({ complete, error: end, unsubscribe: end }),
      );
    });
}
