import { emitWarning } from '../common/warning';

/** How operators drop a transaction instead of passing it on to `ackAfter`, and what to write instead. */
const WARNINGS = {
  changes:
    'The changes of a Transaction are acknowledged one by one, which confirms nothing: only the Transaction can be acknowledged, and it has not come to ackAfter. Instead of mergeMap((tx) => tx.changes), ackAfter(save) write ackAfter(async (tx) => { for (const change of tx) await save(change); }).',
  overtaken:
    'A transaction has not come to ackAfter, though a later one has been acknowledged: nothing is confirmed until it is. If an operator such as filter has dropped it, choose inside the work instead: ackAfter(async (tx) => { if (isWanted(tx)) await save(tx); }).',
};

/** Warns that operators drop transactions. */
export function warnOfDroppedTransaction(how: keyof typeof WARNINGS): void {
  emitWarning('RXPG_TRANSACTION_DROPPED', WARNINGS[how]);
}
