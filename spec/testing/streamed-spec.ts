import {
  ackAfter,
  logicalReplication,
  reconnect,
  transactions,
  type AnyReplicationMessage,
  type StreamingTwoPhaseConfig,
} from '../../lib';
import type { AssembledMessage } from '../../lib/operators/transactions/transaction-assembler';
import { FakeWalSender, logicalMessage, payloads, rolledBack, table, transaction } from '../../lib/testing';
import { toMessages, toTransaction } from '../../lib/testing/deliveries';
import { until } from '../net/support/local-server';
import { record, type RecordedEvents } from '../support/streaming';
import { RawClient } from './support/raw-client';

const orders = table('orders', { id: 'int4', total: 'numeric' });
const order = (id: number) => orders.insert({ id, total: '9.50' });

let server: FakeWalSender;

beforeEach(async () => {
  server = await FakeWalSender.listen({ slots: ['orders'], publications: ['orders_pub'] });
});

afterEach(async () => {
  for (const { subscription } of recordings.splice(0)) subscription.unsubscribe();
  await server.whenIdle();
  server.verify();
  await server.close();
});

const recordings: RecordedEvents<unknown>[] = [];

type Asked = Partial<Pick<StreamingTwoPhaseConfig, 'streaming' | 'twoPhase'>>;

/** The flat stream, with these options. */
function flat(asked: Asked) {
  return logicalReplication({
    connection: server.url,
    slot: 'orders',
    publications: ['orders_pub'],
    messages: true,
    statusInterval: 50,
    ...asked,
  } as StreamingTwoPhaseConfig);
}

/** The messages that are sent to a client with these options; each is acknowledged immediately. */
async function listening(asked: Asked): Promise<RecordedEvents<AnyReplicationMessage>> {
  const heard = record<AnyReplicationMessage>(flat(asked), (message) => message.ack());
  recordings.push(heard);
  await server.whenStreaming();
  return heard;
}

function kindsOf({ values }: RecordedEvents<AnyReplicationMessage>): string {
  return values
    .filter(({ kind }) => kind !== 'keepalive')
    .map(({ kind }) => kind)
    .join(' ');
}

const STREAMED = 'streamStart relation insert streamStop streamStart insert streamStop streamCommit';

describe('a transaction in blocks', () => {
  const draft = transaction([order(1), order(2)], { blocks: 2, xid: 700 });

  it.each<[asked: Asked, kinds: string]>([
    [{ streaming: 'on' }, STREAMED],
    [{ streaming: 'parallel' }, STREAMED],
    [{ streaming: 'on', twoPhase: true }, STREAMED],
    [{ twoPhase: true }, 'begin relation insert insert commit'],
    [{}, 'begin relation insert insert commit'],
  ])('is sent in blocks to clients that request it: %j', async (asked, kinds) => {
    const heard = await listening(asked);
    await server.whenConfirmed(server.commit(draft));
    expect(kindsOf(heard)).toBe(kinds);
  });

  it.each([
    [1, 'streamStart relation insert insert insert streamStop streamCommit'],
    [2, 'streamStart relation insert insert streamStop streamStart insert streamStop streamCommit'],
    [9, `streamStart relation insert streamStop ${'streamStart insert streamStop '.repeat(2)}streamCommit`],
  ])('has the given number of blocks, or one for each change: %i', async (blocks, kinds) => {
    const heard = await listening({ streaming: 'on' });
    await server.whenConfirmed(server.commit(transaction([order(1), order(2), order(3)], { blocks })));
    expect(kindsOf(heard)).toBe(kinds);
  });

  it('may be empty, and is sent as a whole by default', async () => {
    const heard = await listening({ streaming: 'on' });
    await server.whenConfirmed(server.commit(transaction([], { blocks: 1 }), transaction([order(1)])));
    expect(kindsOf(heard)).toBe('streamStart streamStop streamCommit begin relation insert commit');
  });

  it('has its xid, origin, time and positions, like a whole transaction', async () => {
    const heard = record(flat({ streaming: 'on' }).pipe(transactions()), (tx) => tx.ack());
    recordings.push(heard);
    await server.whenStreaming();
    const options = { xid: 7, origin: 'node_b', commitTime: new Date(0), commitLsn: '0/2000000', endLsn: '0/2000100' };
    await server.whenConfirmed(server.commit(transaction([order(1)], { ...options, blocks: 1 })));
    const { blocks: _, ...fields } = { ...options, blocks: 1 };
    expect(heard.values[0]).toMatchObject({ ...fields, commitLsn: 0x2000000n, endLsn: 0x2000100n, size: 1 });
  });

  it('is sent again completely if it was not confirmed', async () => {
    const saved: unknown[] = [];
    const source = flat({ streaming: 'on' }).pipe(transactions());
    const work = ackAfter((unit: AssembledMessage) => {
      if (unit.kind === 'transaction') saved.push(...unit.changes);
    });
    recordings.push(record(source.pipe(work, reconnect({ initialDelay: 1 }))));
    await server.whenStreaming();
    // It ends within the first block.
    await server.play({ cut: 200 });
    await server.whenConfirmed(server.commit(draft));
    expect(saved).toMatchObject([{ new: { id: 1 } }, { new: { id: 2 } }]);
    expect(server.connections).toHaveLength(2);
  });
});

describe('a savepoint that was rolled back', () => {
  const draft = transaction(
    [
      order(1),
      rolledBack([order(8), order(9)]),
      order(2),
      rolledBack([orders.delete({ id: 1 })]),
      logicalMessage('p', 'c'),
    ],
    { blocks: 1, xid: 700 },
  );

  it.each([['on' as const], ['parallel' as const]])(
    'is sent in a block that is followed by its abort: %s',
    async (streaming) => {
      const heard = await listening({ streaming });
      await server.whenConfirmed(server.commit(draft));
      expect(kindsOf(heard)).toBe(
        'streamStart relation insert streamStop ' +
          'streamStart insert insert streamStop streamAbort ' +
          'streamStart relation insert streamStop ' +
          'streamStart delete streamStop streamAbort ' +
          'streamStart message streamStop streamCommit',
      );
      const found = heard.values.filter((message) => message.kind === 'streamAbort');
      const [first] = found;
      expect(found).toMatchObject([
        { xid: 700, subxid: 701 },
        { xid: 700, subxid: 702 },
      ]);
      expect([typeof first?.abortLsn, first?.abortTime instanceof Date]).toEqual(
        streaming === 'parallel' ? ['bigint', true] : ['undefined', false],
      );
      const xids = heard.values.flatMap((message) => (message.kind === 'insert' ? [message.xid] : []));
      expect(xids).toEqual([700, 701, 701, 700]);
    },
  );

  it('is sent in no other form: not in whole transactions, nor in built messages', async () => {
    const heard = await listening({});
    await server.whenConfirmed(server.commit(draft));
    const kinds = 'begin relation insert insert message commit';
    expect(kindsOf(heard)).toBe(kinds);
    expect(toMessages(draft).map(({ kind }) => kind)).toEqual(kinds.split(' '));
    expect(toTransaction(draft).changes).toHaveLength(3);
  });

  it('does not affect the transaction that transactions() emits', async () => {
    const shown: string[] = [];
    server.commit(draft);
    for (const streaming of [undefined, 'on', 'parallel'] as const) {
      const heard = record(flat(streaming ? { streaming } : {}).pipe(transactions()));
      await until(() => heard.values.length > 0);
      shown.push(JSON.stringify(heard.values));
      heard.subscription.unsubscribe();
      await server.whenIdle();
    }
    expect(new Set(shown).size).toBe(1);
  });
});

describe('a prepared transaction', () => {
  const draft = transaction([order(1), order(2)], { blocks: 2, xid: 700 });
  const prepared = 'beginPrepare relation insert insert prepare';
  const streamed = STREAMED.replace('streamCommit', 'streamPrepare');
  const whole = 'begin relation insert insert commit';

  it.each<[asked: Asked, atPrepare: string, atCommit: string, atRollback: string]>([
    [{ twoPhase: true }, prepared, 'commitPrepared', 'rollbackPrepared'],
    [{ twoPhase: true, streaming: 'on' }, streamed, 'commitPrepared', 'rollbackPrepared'],
    [{ streaming: 'on' }, '', STREAMED, ''],
    [{}, '', whole, ''],
  ])(
    'is sent when it is prepared and ended, or when it commits: %j',
    async (asked, atPrepare, atCommit, atRollback) => {
      const heard = await listening(asked);
      const steps = async (lsn: bigint): Promise<string> => {
        await server.play({ keepalive: { walEnd: lsn } });
        await server.whenConfirmed(lsn);
        return kindsOf({ ...heard, values: heard.values.splice(0) });
      };
      expect(await steps(server.prepare(draft, 'a'))).toBe(atPrepare);
      expect(await steps(server.prepare(draft, 'b'))).toBe(atPrepare);
      expect(await steps(server.commitPrepared('a'))).toBe(atCommit);
      expect(await steps(server.rollbackPrepared('b'))).toBe(atRollback);
    },
  );

  it('is sent again with its end, unless confirmed', async () => {
    server.prepare(draft, 'a');
    server.commitPrepared('a');
    const first = record(flat({ twoPhase: true }).pipe(transactions()));
    recordings.push(first);
    await until(() => first.values.length === 2);
    first.values[0]?.ack();
    await server.whenConfirmed(first.values[0]!.endLsn);
    first.subscription.unsubscribe();
    await server.whenIdle();
    const second = record(flat({ twoPhase: true }).pipe(transactions()));
    recordings.push(second);
    await until(() => second.values.length === 1);
    expect(second.values).toMatchObject([{ kind: 'commitPrepared', gid: 'a', xid: 700 }]);
  });

  it('must have a gid that is not in use', () => {
    server.prepare(draft, 'a');
    expect(() => server.prepare(draft, 'a')).toThrow('The fake server already has a prepared transaction "a"');
    server.rollbackPrepared('a');
    expect(() => server.commitPrepared('a')).toThrow('The fake server has no prepared transaction "a"');
    server.prepare(draft, 'a');
  });

  it('enables two-phase commit for the slot, like the first stream that requests it', async () => {
    expect(server.slot().twoPhase).toBe(false);
    const heard = await listening({ twoPhase: true });
    expect(server.slot().twoPhase).toBe(true);
    heard.subscription.unsubscribe();
    await server.whenIdle();
    const refused = record(flat({}));
    await until(() => refused.error !== undefined);
    expect(refused.error).toMatchObject({ code: 'SLOT_INCOMPATIBLE' });
  });
});

describe("a client's confirmation of it", () => {
  it('is valid at each end, and invalid in between', async () => {
    const client = record(flat({ streaming: 'on', twoPhase: true }), (message) => message.ack());
    recordings.push(client);
    await server.whenStreaming();
    const draft = transaction([order(1), logicalMessage('p', 'c')], { blocks: 2 });
    for (const lsn of [
      server.commit(draft),
      server.prepare(draft, 'a'),
      server.commitPrepared('a'),
      server.prepare(transaction([order(2)]), 'b'),
      server.rollbackPrepared('b'),
    ]) {
      await server.whenConfirmed(lsn);
    }
    expect(server.violations).toEqual([]);
  });

  it('is checked against the commit record of a streamed transaction, too', async () => {
    const raw = await RawClient.stream(server);
    server.last.push(payloads.buildStreamStart(), payloads.buildStreamStop());
    server.last.push(payloads.buildStreamCommit({ commitLsn: 0x2000000n, endLsn: 0x2000100n }));
    await raw.received('d:w', 3);
    raw.status(0x2000010n);
    raw.status(0x2000101n);
    await raw.leaveStream();
    expect(server.violations.map(({ kind }) => kind)).toEqual(['flushInsideTransaction', 'flushBeyondSent']);
    server.violations.length = 0;
    raw.destroy();
  });
});
