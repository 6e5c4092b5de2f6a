import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ackAfter, logicalReplication, reconnect, transactions } from 'rxjs-pg-replication';
import { FakeWalSender, table, transaction } from 'rxjs-pg-replication/testing';

const orders = table('orders', { id: 'int4', total: 'numeric' });

it('saves committed changes after the connection is lost', async () => {
  const server = await FakeWalSender.listen({ slots: ['orders'], publications: ['orders_pub'] });
  const saved: unknown[] = [];
  const subscription = logicalReplication({ connection: server.url, slot: 'orders', publications: ['orders_pub'] })
    .pipe(
      transactions(),
      ackAfter((tx) => saved.push(...tx.changes.map((change) => 'new' in change && change.new))),
      reconnect({ initialDelay: 10 }),
    )
    .subscribe();

  try {
    await server.whenStreaming();
    await server.play({ cut: 100 }); // the connection ends after 100 more bytes, within a message
    const lsn = server.commit(transaction([orders.insert({ id: 1, total: '9.50' })]));
    await server.whenConfirmed(lsn);
    expect(saved).toEqual([{ id: 1, total: '9.50' }]);
    server.verify(); // throws if the client confirmed a position too early
  } finally {
    subscription.unsubscribe(); // otherwise reconnect() retries forever, and the test runner does not exit
    await server.close();
  }
});

describe('the example above is the same', () => {
  const own = readFileSync(__filename, 'utf8');
  const read = (path: string): string => readFileSync(join(__dirname, '../..', path), 'utf8');

  it('in the documentation of FakeWalSender', () => {
    const source = read('lib/testing/fake-walsender.ts');
    const [, shown = ''] = /\* @example\n( \* const orders[^]*?)\n \*\/\nexport class FakeWalSender/.exec(source) ?? [];
    const code = shown.replace(/^ \* ?/gm, '');
    expect(code).toMatch(/^const orders[^]*\}\);$/);
    expect(own).toContain(`\n${code}\n`);
  });

  it('in the guide to testing', () => {
    const [, code = ''] = /```ts\n([^]*?)```/.exec(read('docs/guides/testing.md')) ?? [];
    expect(code).toMatch(/^import[^]*FakeWalSender/);
    expect(own).toContain(`\n${code}\n`);
  });
});
