import { type Observable, NEVER } from 'rxjs';
import { Delivery } from '../../../lib/ledger/acknowledgement';
import type { AckTarget } from '../../../lib/operators/ack-after/ack-target';
import { Work, type WorkOwner } from '../../../lib/operators/ack-after/work';
import { WorkRegistry } from '../../../lib/operators/ack-after/work-registry';
import type { Transaction } from '../../../lib/operators/transactions/transaction';
import { table, transaction, toTransaction } from '../../../lib/testing';

const orders = table('orders', { id: 'int4' });

/** The same transaction each time, as a delivery and its redeliveries. */
const deliver = (xid = 7): Transaction => toTransaction(transaction([orders.insert({ id: xid })], { xid, ...AT }));
const AT = { commitTime: new Date(0) };

class Owner implements WorkOwner<AckTarget, number> {
  readonly events: string[] = [];
  workEmitted = (): void => void this.events.push('emitted');
  workFailed = (): void => void this.events.push('failed');
  workCompleted = (): void => void this.events.push('completed');
}

describe('WorkRegistry', () => {
  let registry: WorkRegistry<AckTarget, number>;
  let owner: Owner;
  const startWork = (value: AckTarget, pending: Observable<number> | Promise<number> = NEVER) => {
    const work = new Work<AckTarget, number>(value, pending, owner);
    work.start();
    return work;
  };

  beforeEach(() => {
    registry = new WorkRegistry();
    owner = new Owner();
  });

  it('gives a detached work to the redelivery of its input, once', () => {
    const work = startWork(deliver());
    registry.detach(work);
    expect([registry.detachedCount, registry.mustWait(deliver()), registry.mustWait(deliver(8))]).toEqual([
      1,
      true,
      false,
    ]);
    const again = deliver();
    expect(registry.reattach(again, owner)).toBe(work);
    expect([work.owner === owner, work.target === again, registry.detachedCount]).toEqual([true, true, 0]);
    expect(registry.reattach(deliver(), owner)).toBeUndefined();
    expect(registry.mustWait(deliver())).toBe(true);
  });

  it('does not know a work that was cancelled or has failed: its input is worked on again', async () => {
    const cancelled = startWork(deliver());
    registry.detach(cancelled);
    registry.cancelDetached();
    expect([registry.reattach(deliver(), owner), registry.mustWait(deliver())]).toEqual([undefined, false]);
    const failed = startWork(deliver(), Promise.reject(new Error('mine')));
    registry.detach(failed);
    await new Promise(setImmediate);
    expect([registry.reattach(deliver(), owner), registry.mustWait(deliver()), registry.detachedCount]).toEqual([
      undefined,
      false,
      0,
    ]);
    expect(owner.events).toEqual([]);
  });

  it('tells its listeners when a detached work has ended, and keeps the results for its next owner', async () => {
    let ended = 0;
    const stopListening = registry.onDetachedEnd(() => ended++);
    registry.detach(startWork(deliver(), Promise.resolve(42)));
    await new Promise(setImmediate);
    stopListening();
    const work = registry.reattach(deliver(), owner);
    expect([ended, work?.isCompleted, work?.takeResults(0)]).toEqual([1, true, [42]]);
  });

  it('cannot cancel a Promise', () => {
    registry.detach(startWork(deliver(), new Promise<number>(() => undefined)));
    registry.cancelDetached();
    expect(registry.detachedCount).toBe(1);
  });

  it('makes what it cannot recognize wait until no detached work runs', () => {
    const foreign = { ack: () => true };
    const work = startWork(foreign);
    registry.detach(work);
    expect([registry.reattach(foreign, owner), registry.mustWait(foreign)]).toEqual([undefined, true]);
    registry.cancelDetached();
    expect(registry.mustWait(foreign)).toBe(false);
  });

  it('reattaches a work on several deliveries only to what it covers, and gives a batch what is left of it', async () => {
    const work = startWork([deliver(1), deliver(2)], Promise.resolve(1));
    registry.detach(work);
    expect(registry.reattach([deliver(1), deliver(3)], owner)).toBeUndefined();
    await new Promise(setImmediate);
    const third = deliver(3);
    expect(registry.withoutCompleted([deliver(1), third])).toEqual([third]);
    expect(registry.reattach([deliver(2)], owner)).toBe(work);
  });

  it('records nothing as completed where the stream confirms nothing', () => {
    const tx = deliver();
    expect(Delivery.getHandle(tx)?.session.confirms).toBe(false);
    registry.recordCompleted(tx);
    expect(registry.isCompleted(deliver())).toBe(false);
  });
});
