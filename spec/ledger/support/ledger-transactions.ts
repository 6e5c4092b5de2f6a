import type { DeliveringLedger as Ledger, LedgerDelivery } from './delivering-ledger';
import type { WindowLimits } from '../../../lib/ledger/window';

/** Wide enough that no spec meets it by accident. */
export const WIDE: WindowLimits = { messages: 1000, bytes: 1_000_000 };

interface Delivered {
  begin: LedgerDelivery;
  changes: LedgerDelivery[];
  commit: LedgerDelivery;
}

/** A whole transaction; every change, and the commit, has so many bytes. */
export function transaction(ledger: Ledger, endLsn: bigint, changes = 1, bytes = 10): Delivered {
  const begin = ledger.begin();
  const deliveries = Array.from({ length: changes }, () => ledger.change(bytes));
  return { begin, changes: deliveries, commit: ledger.commit(endLsn, bytes) };
}

/** A whole transaction as `transactions()` takes it. */
export function gathered(ledger: Ledger, endLsn: bigint, changes = 1, bytes = 10): LedgerDelivery {
  ledger.begin();
  for (let i = 0; i < changes; i++) ledger.change(bytes).gather();
  return ledger.commit(endLsn, bytes).group();
}

export function settle({ changes, commit }: Delivered): void {
  for (const delivery of [...changes, commit]) delivery.settle();
}
