import { from, NEVER, toArray, lastValueFrom } from 'rxjs';
import { ackAfter, ofTable, transactions, type Transaction } from '../../lib';
import { isAcknowledged, toMessages, table, transaction, toTransaction } from '../../lib/testing';

const orders = table('orders', { id: 'int4', total: 'int8' });
const draft = transaction([orders.insert({ id: 1, total: 5n }), orders.delete({ id: 2 })]);

describe('a built transaction', () => {
  it('can be processed by ackAfter like a delivered one', async () => {
    const saved: unknown[] = [];
    const save = (tx: Transaction): void => {
      for (const change of tx) saved.push(change.kind);
    };
    const tx = toTransaction(draft);
    await lastValueFrom(from([tx]).pipe(ackAfter(save)), { defaultValue: undefined });
    expect(saved).toEqual(['insert', 'delete']);
    expect(isAcknowledged(tx)).toBe(true);
  });

  it('is not acknowledged if the project has failed, or is running', async () => {
    const failed = toTransaction(draft);
    const failing = from([failed]).pipe(ackAfter(() => Promise.reject(new Error('no'))));
    await expect(lastValueFrom(failing)).rejects.toThrow('no');
    expect(isAcknowledged(failed)).toBe(false);

    const endless = toTransaction(draft);
    from([endless])
      .pipe(ackAfter(() => NEVER))
      .subscribe()
      .unsubscribe();
    expect(isAcknowledged(endless)).toBe(false);
  });

  it('has a checkpoint', () => {
    expect(toTransaction(draft, { source: { slot: 's', timeline: 3 } }).checkpoint).toEqual({
      systemId: '7300000000000000001',
      timeline: 3,
      slot: 's',
      endLsn: '0/10000B0',
    });
  });

  it('equals another one with the same data', () => {
    const commitTime = new Date();
    const one = transaction([orders.insert({ id: 1 })], { commitTime });
    expect(toTransaction(one)).toStrictEqual(toTransaction(one));
  });

  it('is decoded with the given parsers', () => {
    const types = { getTypeParser: (oid: number) => (text: string) => (oid === 20 ? BigInt(text) : text) };
    expect(toTransaction(draft, { types }).changes[0]).toMatchObject({ new: { id: '1', total: 5n } });
  });
});

describe('built messages', () => {
  it('pass through the operators', async () => {
    const messages = toMessages(draft);
    const changes = await lastValueFrom(from(messages).pipe(ofTable('orders'), toArray()));
    expect(changes.map(({ kind }) => kind)).toEqual(['insert', 'delete']);

    const [tx] = await lastValueFrom(from(toMessages(draft)).pipe(transactions(), toArray()));
    expect(tx).toMatchObject({ kind: 'transaction', size: 2, endLsn: 0x10000b0n });
  });

  it('are acknowledged if an operator drops them', async () => {
    const messages = toMessages(draft);
    await lastValueFrom(from(messages).pipe(ofTable('others'), toArray()));
    expect(messages.filter(({ kind }) => kind === 'insert').map(isAcknowledged)).toEqual([true]);
  });
});
