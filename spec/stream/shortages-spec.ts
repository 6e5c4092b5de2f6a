import { firstValueFrom, take, toArray } from 'rxjs';
import { ackAfter, logicalReplication, reconnect, transactions } from '../../lib/index';
import { FakeWalSender, table, transaction } from '../../lib/testing/index';

const orders = table('orders', { id: 'int4' });

let server: FakeWalSender;

beforeEach(async () => {
  server = await FakeWalSender.listen({ slots: ['orders'], publications: ['orders_pub'] });
});

afterEach(() => server.close());

/** The ids of this number of transactions, and the codes of the errors that were retried. */
async function read(count: number): Promise<{ ids: unknown[]; codes: string[] }> {
  const codes: string[] = [];
  const config = { connection: server.url, slot: 'orders', publications: ['orders_pub'] };
  const ids = logicalReplication(config).pipe(
    transactions(),
    ackAfter((tx) => tx.changes.map((change) => ('new' in change ? change.new['id'] : undefined))),
    reconnect({
      initialDelay: 1,
      attemptObserver: { next: ({ error }) => codes.push((error as { code: string }).code) },
    }),
    take(count),
    toArray(),
  );
  return { ids: (await firstValueFrom(ids)).flat(), codes };
}

it.each([
  ['53200', 'SERVER_RESOURCES'],
  ['53100', 'SERVER_RESOURCES'],
  ['53000', 'SERVER_RESOURCES'],
  ['58030', 'SERVER_IO_ERROR'],
  ['40001', 'TRANSACTION_ROLLED_BACK'],
  ['25P04', 'CANCELLED'],
  ['57P05', 'CANCELLED'],
  ['UE001', 'UNKNOWN_SQLSTATE'],
])('a temporary error %s of the server is retried, and nothing is missing', async (sqlState, code) => {
  server.commit(transaction([orders.insert({ id: 1 })]));
  const reading = read(2);
  await server.whenStreaming();
  for (let time = 0; time < 3; time++) {
    await server.play({ error: { sqlState, severity: 'FATAL', message: 'it passes' } });
    await server.whenStreaming();
  }
  server.commit(transaction([orders.insert({ id: 2 })]));
  const { ids, codes } = await reading;
  expect(ids).toEqual([1, 2]);
  expect(codes).toEqual([code, code, code]);
  server.verify();
});
