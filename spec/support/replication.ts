import { type Observable } from 'rxjs';
import type { Acknowledgeable } from '../../lib/ledger/acknowledgement';
import type { ReplicationError } from '../../lib/common/errors';
import { type Clock } from './clock';
import { type FakeBackend, transaction, type FakeTransaction } from './fake-backend';
import { record } from './streaming';

/** The n-th transaction: commit LSN n00, end LSN n30, a user called `tx n`. */
export function tx(n: number, rows: number | readonly string[] = [`tx ${n}`]): FakeTransaction {
  return transaction({ commitLsn: BigInt(n) * 0x100n, xid: n, rows });
}

export const getCode = (error: unknown) => (error as ReplicationError | undefined)?.code;

export function ackEverything<T extends Acknowledgeable>(source: Observable<T>) {
  return record(source, (value) => value.ack());
}

/** Verifies that nothing is left of any connection: no timer, and no active slot. */
export function expectNothingLeft(clock: Clock, server: FakeBackend): void {
  clock.advance(60_000);
  expect(clock.pending).toBe(0);
  for (const connection of server.connections) {
    expect(connection).toMatchObject({ closed: true, timeouts: 0, streaming: false });
  }
  for (const slot of server.slots.values()) expect(slot.owner).toBeUndefined();
}
