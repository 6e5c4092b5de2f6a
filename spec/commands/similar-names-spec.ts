import { firstValueFrom } from 'rxjs';
import { dropSlot, logicalReplication, type ReplicationError } from '../../lib/index';
import { buildErrorResponse } from '../../lib/testing/backend-messages';
import { FakeWalSender } from '../../lib/testing/index';

/** 63 bytes: the server has truncated a longer name before a letter of two bytes. */
const CUT = `${'verkäufe_'.repeat(6)}ab`;
const LONG = `${CUT}ß_2024`;

let server: FakeWalSender;

beforeEach(async () => {
  server = await FakeWalSender.listen({ slots: ['orders_slot'], publications: ['Orders', 'billing_pub', CUT] });
});

afterEach(() => server.close());

async function failureOf(slot: string, ...publications: string[]): Promise<ReplicationError> {
  try {
    await firstValueFrom(logicalReplication({ connection: server.url, slot, publications }));
  } catch (error) {
    return error as ReplicationError;
  }
  throw new Error('It streams');
}

describe('a publication that does not exist', () => {
  it.each([
    ['differs in capitals only', 'orders', 'Did you mean "Orders"? Names are case-sensitive.'],
    ['was truncated by the server', LONG, `Use "${CUT}": the server truncates names to 63 bytes`],
    ['is similar to another name', 'biling_pub', 'Did you mean "billing_pub"?'],
    [
      'is not similar to another name',
      'customers',
      'Database "postgres" has the publications "Orders", "billing_pub", ',
    ],
  ])('%s: the error says which', async (_, name, hint) => {
    expect(Buffer.byteLength(CUT)).toBeGreaterThanOrEqual(62);
    const error = await failureOf('orders_slot', name);
    expect(error).toMatchObject({ code: 'PUBLICATION_MISSING', retryable: false });
    expect(error.message).toContain(`Publication ${JSON.stringify(name)} does not exist in this database. ${hint}`);
    expect(error.message).toMatch(/CREATE PUBLICATION .*\.$/);
  });

  it('is reported together with other missing ones', async () => {
    const { message } = await failureOf('orders_slot', 'orders', 'billing_pub', 'biling_pub');
    expect(message).toContain('Did you mean "Orders"? Names are case-sensitive. Did you mean "billing_pub"?');
  });

  it('is reported if the server lists no publications', async () => {
    server.behaviour.answersTo.push([/AS name/, buildErrorResponse({ C: '42501', M: 'permission denied' })]);
    expect(await failureOf('orders_slot', 'orders')).toMatchObject({ code: 'PUBLICATION_MISSING' });
  });
});

describe('a slot that does not exist', () => {
  it('is reported with a similar name', async () => {
    const error = await failureOf('order_slot', 'Orders');
    expect(error.message).toMatch(/"order_slot" does not exist\. Did you mean "orders_slot"\? Create the slot first/);
  });

  it('is reported without a suggestion if none is similar', async () => {
    expect((await failureOf('quite_another', 'Orders')).message).not.toContain('Did you mean');
  });

  it('is reported by dropSlot, too', async () => {
    const dropping = firstValueFrom(dropSlot({ connection: server.url, slot: 'orders_slt' }));
    await expect(dropping).rejects.toThrow('Did you mean "orders_slot"?');
  });
});
