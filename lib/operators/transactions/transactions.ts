import { defer, filter, map, tap, type OperatorFunction } from 'rxjs';
import type { LogicalMessage } from '../../pgoutput/messages/change-messages';
import type { AnyReplicationMessage, TablesOf, TwoPhaseMessage } from '../../pgoutput/messages/messages';
import type { CommitPreparedMessage, RollbackPreparedMessage } from '../../pgoutput/messages/two-phase-messages';
import { TransactionAssembler, type AssembledMessage } from './transaction-assembler';
import type { CopyBeginMessage, CopyEndMessage, CopyMessage } from '../../pgoutput/messages/copy-messages';
import type { CopyBatch, PreparedTransaction, Transaction } from './transaction';
import { readTransactionsOptions, type TransactionsOptions } from './transactions-options';

/** The type that {@link transactions} emits for a stream of `M`. */
export type TransactionOf<M> =
  | Transaction<TablesOf<M>>
  | (Extract<M, CopyBeginMessage> extends never
      ? never
      : CopyBeginMessage<keyof TablesOf<M> & string> | CopyBatch<TablesOf<M>> | CopyEndMessage)
  | (Extract<M, TwoPhaseMessage> extends never
      ? never
      : PreparedTransaction<TablesOf<M>> | CommitPreparedMessage | RollbackPreparedMessage);

/**
 * Groups the messages of each transaction, Begin to Commit, into one {@link Transaction}, in commit order.
 *
 * The window does not pause a transaction while it is collected, so a transaction can exceed the window. The emitted
 * Transaction counts as one delivery with the bytes of all its changes. Messages outside transactions (keepalives, relations,
 * types) and empty transactions are dropped.
 *
 * A streamed transaction (`streaming`) is emitted when it commits, without its aborted changes. If the transactions in
 * progress exceed `maxBytes` together, the largest are written to a spool file, which iterating reads. With `twoPhase`, a
 * prepared transaction becomes a {@link PreparedTransaction}; `commitPrepared` and `rollbackPrepared` messages pass unchanged.
 *
 * With `copy`, `copyBegin` and `copyEnd` messages pass unchanged, and each batch of copied rows becomes a {@link CopyBatch}.
 *
 * If `startLsn` is a function, an idle stream emits an empty Transaction of kind `progress`, at most once per
 * `statusInterval` or when the server requests a status update. Store its checkpoint and acknowledge it like any other.
 *
 * @throws {ConfigError} `CONFIG_INVALID` when an option cannot be used; through the observable when it receives anything but
 * messages, such as transactions
 * @throws {ReplicationError} through the observable: `SPOOL_FAILED` when the spool file cannot be written
 * @example
 * logicalReplication(config)
 *   .pipe(transactions())
 *   .subscribe((tx) => {
 *     console.log(`${tx.size} changes, committed at ${tx.commitTime.toISOString()}`);
 *     tx.ack();
 *   });
 */
export function transactions<M extends AnyReplicationMessage | CopyMessage>(
  options?: TransactionsOptions & { readonly includeNonTransactionalMessages?: false },
): OperatorFunction<M, TransactionOf<M>>;
export function transactions<M extends AnyReplicationMessage | CopyMessage>(
  options: TransactionsOptions,
): OperatorFunction<M, TransactionOf<M> | LogicalMessage>;
export function transactions(
  options: TransactionsOptions = {},
): OperatorFunction<AnyReplicationMessage | CopyMessage, AssembledMessage> {
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
        // Most messages complete no transaction.
        filter((message) => assembler.gather(message)),
        map((message) => assembler.finish(message)),
        filter((unit) => unit !== undefined),
        // Closes the spool file before passing on the end, unless running work reads it.
        tap({ complete, error: end, unsubscribe: end }),
      );
    });
}
