import { faults, FakeWalSender, frames, payloads, table, transaction, type Violation } from '../../lib/testing';
import { encodeQuery } from '../../lib/wire/frontend';
import { sleep, until } from '../net/support/local-server';
import { Clock } from '../support/clock';
import { FakeBackend } from '../support/fake-backend';
import { record, streaming } from '../support/streaming';
import { RawClient } from './support/raw-client';

const orders = table('orders', { id: 'int4' });
const tx = (id: number) => transaction([orders.insert({ id })]);

let server: FakeWalSender;
let client: RawClient;

beforeEach(async () => {
  server = await FakeWalSender.listen({ slots: ['orders'] });
  client = await RawClient.stream(server);
});

afterEach(async () => {
  client.destroy();
  await server.close();
});

/** The violations in everything that the client has sent so far. */
async function violations(): Promise<readonly Violation[]> {
  await client.leaveStream();
  return server.violations;
}

it('a client that confirms only what was sent has no violations', async () => {
  client.status(server.walPosition);
  for (let id = 1; id <= 3; id++) {
    const lsn = server.commit(tx(id));
    await client.received('d:w', 4 * id);
    client.status(lsn);
    await server.whenConfirmed(lsn);
  }
  await server.play({ keepalive: { walEnd: server.walPosition + 0x1000n } });
  await client.received('d:k', 2);
  client.status(server.walPosition + 0x1000n);
  client.status(0n);
  expect(await violations()).toEqual([]);
  server.verify();
});

describe('a flush beyond what was sent', () => {
  it('is a violation', async () => {
    const end = server.commit(tx(1));
    await client.received('d:w', 4);
    client.status(end + 1n);
    expect(await violations()).toEqual([
      {
        kind: 'flushBeyondSent',
        connection: server.last.processId,
        flushed: '0/1000071',
        sent: '0/1000070',
        message:
          'confirmed 0/1000071, but nothing beyond 0/1000070 was sent: transactions that commit in between are lost',
      },
    ]);
  });

  it('is a violation if a fault has held the data back', async () => {
    await server.play({ stall: 10_000 });
    client.status(server.commit(tx(1)));
    await until(() => server.violations.length > 0);
    expect(server.violations).toMatchObject([{ kind: 'flushBeyondSent', sent: '0/1000000' }]);
  });

  it('is a violation if only part of the transaction was sent', async () => {
    // 100 bytes are sent immediately, the rest a little later.
    await server.play({ split: [100] }, { commit: tx(1) }, { stall: 10_000 });
    client.status(server.walPosition);
    await until(() => server.violations.length > 0);
    expect(server.violations).toMatchObject([{ kind: 'flushBeyondSent' }]);
  });

  it('is allowed at the start position', async () => {
    client.destroy();
    await server.whenIdle();
    server.behaviour.keepalives = false;
    client = await RawClient.stream(server, '0/2000000');
    client.status(0x1000000n);
    client.status(0x2000000n);
    expect(await violations()).toEqual([]);
  });

  it('is allowed at the position of a keepalive', async () => {
    await server.play({ keepalive: { walEnd: 0x2000000n } });
    await client.received('d:k', 2);
    client.status(0x2000000n);
    expect(await violations()).toEqual([]);
  });
});

describe('a flush position that goes back', () => {
  it('is a violation', async () => {
    const first = server.commit(tx(1));
    const second = server.commit(tx(2));
    await client.received('d:w', 8);
    client.status(second);
    client.status(first);
    expect(await violations()).toMatchObject([
      {
        kind: 'flushWentBack',
        flushed: '0/1000070',
        confirmed: '0/10000E0',
        message: 'confirmed 0/1000070 after 0/10000E0: older servers then move the slot back',
      },
    ]);
    expect(server.slot().confirmedFlushLsn).toBe(second);
  });

  it('is a violation across connections', async () => {
    const first = server.commit(tx(1));
    const second = server.commit(tx(2));
    await client.received('d:w', 8);
    client.status(second);
    await server.whenConfirmed(second);
    client.destroy();
    await server.whenIdle();
    client = await RawClient.stream(server);
    client.status(first);
    expect(await violations()).toMatchObject([{ kind: 'flushWentBack', connection: server.last.processId }]);
  });

  it('is allowed for 0, which means no position', async () => {
    const lsn = server.commit(tx(1));
    await client.received('d:w', 4);
    client.status(lsn);
    client.status(0n);
    expect(await violations()).toEqual([]);
  });
});

describe('a flush position within a transaction', () => {
  it.each([
    ['its commit LSN', 0x1000040n],
    ['one of its changes', 0x1000010n],
    ['the byte after the previous commit', 0x1000001n],
  ])('is a violation: %s', async (_, flushed) => {
    server.commit(tx(1));
    await client.received('d:w', 4);
    client.status(flushed);
    const found = await violations();
    expect(found).toMatchObject([{ kind: 'flushInsideTransaction', commitLsn: '0/1000040', endLsn: '0/1000070' }]);
    expect(found[0]?.message).toMatch(/within the transaction that commits at 0\/1000040 and ends at 0\/1000070$/);
  });

  it('is a violation even if the next transaction follows directly', async () => {
    const end = server.commit(tx(1));
    server.commit(tx(2));
    await client.received('d:w', 8);
    client.status(end + 1n);
    expect(await violations()).toMatchObject([{ kind: 'flushInsideTransaction', commitLsn: '0/10000B0' }]);
  });

  it('is a violation if its commit is not sent yet', async () => {
    const { walPosition } = server;
    server.last.push(payloads.buildBegin({ commitLsn: walPosition + 0x40n }));
    server.last.keepalive(walPosition + 0x1000n);
    await client.received('d:k', 2);
    client.status(walPosition + 0x1000n);
    const found = await violations();
    expect(found).toMatchObject([{ kind: 'flushInsideTransaction', endLsn: undefined }]);
    expect(found[0]?.message).toMatch(/has not been sent yet$/);
  });

  it('is allowed at the end of another, concurrent transaction', async () => {
    const long = { ...tx(1), commitLsn: 0x1001000n };
    const { walPosition } = server;
    server.commit({
      startLsn: walPosition,
      commitLsn: 0x1000100n,
      endLsn: 0x1000130n,
      payloads: [
        payloads.buildBegin({ commitLsn: 0x1000100n }),
        payloads.buildCommit({ commitLsn: 0x1000100n, endLsn: 0x1000130n }),
      ],
    });
    server.walPosition = walPosition;
    server.commit(long);
    await client.received('d:w', 6);
    client.status(0x1000130n);
    expect(await violations()).toEqual([]);
  });
});

describe('a reply storm', () => {
  it('is a violation from the 101st update without a new position on', async () => {
    for (let i = 0; i < 102; i++) client.status(0n, BigInt(i));
    expect(await violations()).toMatchObject([{ kind: 'replyStorm', updates: 101 }]);
    expect(server.violations[0]?.message).toMatch(/^sent 101 status updates within \d+ ms that were not requested/);
  });

  it('is allowed if the server has requested the updates', async () => {
    for (let i = 0; i < 150; i++) server.last.keepalive(server.walPosition, true);
    await client.received('d:k', 151);
    for (let i = 0; i < 200; i++) client.status(0n);
    expect(await violations()).toEqual([]);
  });

  it('is allowed if each update confirms something', async () => {
    const ends = Array.from({ length: 150 }, (_, id) => server.commit(tx(id)));
    await client.received('d:w', 600);
    for (const end of ends) client.status(end);
    expect(await violations()).toEqual([]);
  });
});

describe('silence', () => {
  it('is a violation beyond wal_sender_timeout: the server requests a reply, and closes the connection without an error', async () => {
    server.walSenderTimeout = 60;
    const second = await silentClient();
    await until(() => second.ended);
    expect(second.frames).toEqual(['R', 'S', 'K', 'Z', 'W', 'd:k', 'd:k']);
    expect(server.violations).toMatchObject([{ kind: 'silence', walSenderTimeout: 60 }]);
    expect(server.violations[0]?.message).toMatch(/^was silent for \d+ ms; wal_sender_timeout is 60 ms/);
    expect(server.slot('other').owner).toBeUndefined();
    second.destroy();
  });

  it('is not reported if the client replies', async () => {
    server.walSenderTimeout = 600;
    const second = await silentClient();
    for (let asked = 1; asked <= 2; asked++) {
      await second.received('d:k', asked + 1);
      second.status(0n);
    }
    await sleep(20);
    expect(second.ended).toBe(false);
    expect(server.violations).toEqual([]);
    second.destroy();
  });

  it('does not affect a client that a fault has disconnected at the start of its stream', () => {
    const clock = new Clock();
    const backend = new FakeBackend(clock);
    backend.behaviour.keepalives = true;
    backend.latency = 1;
    const heard = record(streaming(backend));
    const asked = (): boolean => backend.connections.some(({ startLsn }) => startLsn !== undefined);
    for (let ms = 0; ms < 100 && !asked(); ms++) clock.advance(1);
    backend.last.outbox.cut(1);
    clock.advance(1);
    expect([backend.last.streaming, backend.slot().owner, heard.events]).toEqual([false, undefined, ['error']]);
    expect(clock.pending).toBe(0);
    clock.advance(120_000);
    expect(backend.violations).toEqual([]);
  });

  async function silentClient(): Promise<RawClient> {
    await client.leaveStream();
    client.destroy();
    await server.whenIdle();
    server.slots.clear();
    server.addSlot('orders');
    server.addSlot('other');
    return RawClient.stream(server);
  }
});

describe('an unexpected message', () => {
  it.each([
    ['a query in the stream', () => encodeQuery('SELECT 1'), /^sent the query "SELECT 1" in the stream$/],
    ['an unknown type', () => frames.buildFrame('?'), /^sent a message of type "\?" in the stream$/],
    ['CopyData of another kind', () => frames.buildFrame('d', Buffer.from('h')), /type "d"/],
  ])('is a violation and ends the connection: %s', async (_, message, text) => {
    client.send(message());
    await until(() => client.ended);
    expect(client.frames.at(-1)).toBe('E');
    expect(server.violations).toMatchObject([
      { kind: 'unexpectedMessage', message: expect.stringMatching(text) as string },
    ]);
  });
});

it('verify() throws an error with all violations, and the seeds of the programs', async () => {
  await server.play(faults(7, { count: 1, kinds: ['notice'] }));
  client.status(0x9000000n);
  client.status(0x8000000n);
  await violations();
  const { processId } = server.last;
  expect(() => server.verify()).toThrow(
    new Error(
      [
        'The fake walsender: clients violated the protocol',
        `- connection ${processId} confirmed 0/9000000, but nothing beyond 0/1000000 was sent: transactions that commit in between are lost`,
        `- connection ${processId} confirmed 0/8000000 after 0/9000000: older servers then move the slot back`,
        'Fault programs played: faults(7). The same seed creates the same faults.',
      ].join('\n'),
    ),
  );
});
