import { firstValueFrom } from 'rxjs';
import { ackAfter, createSlot, identifySystem, logicalReplication, slotStatus, transactions } from '../../lib';
import { FakeWalSender, table, transaction } from '../../lib/testing';
import { encodeQuery, encodeStartupMessage } from '../../lib/wire/frontend';
import { encodeStandbyStatusUpdate } from '../../lib/wire/replication-messages';
import { sleep, until } from '../net/support/local-server';
import { Clock } from '../support/clock';
import { FakeBackend } from '../support/fake-backend';
import { record, streaming, streamingRaw } from '../support/streaming';
import { RawClient } from './support/raw-client';

const orders = table('orders', { id: 'int4' });
const tx = (id: number) => transaction([orders.insert({ id })]);

let server: FakeWalSender;

beforeEach(async () => {
  server = await FakeWalSender.listen({ slots: ['orders'], publications: ['orders_pub'] });
});

afterEach(() => server.close());

/** The response to a query, as text between the frames' bytes. */
async function answerTo(sql: string): Promise<string> {
  const client = await RawClient.connect(server);
  client.send(encodeStartupMessage({ user: 'app' }));
  await client.received('Z');
  client.segments.length = 0;
  client.send(encodeQuery(sql));
  await client.received('Z', 2);
  client.destroy();
  return client.bytes.toString();
}

describe('the fake walsender', () => {
  it('is a new server for each listen', async () => {
    const second = await FakeWalSender.listen({ database: 'two', serverVersion: 150_004, walSenderTimeout: 0 });
    expect(second.port).not.toBe(server.port);
    expect(await firstValueFrom(identifySystem({ connection: second.url }))).toMatchObject({ database: 'two' });
    expect(second.slots.size).toBe(0);
    expect(second.last.queries.some((sql) => sql.startsWith('SET transaction_timeout'))).toBe(false);
    await second.close();
  });

  it('listens on the given port', async () => {
    const { port } = server;
    await server.close();
    server = await FakeWalSender.listen({ port });
    expect(server.port).toBe(port);
  });

  it('may be closed twice, and closes all connections', async () => {
    const client = await RawClient.connect(server);
    await until(() => server.open === 1);
    await server.close();
    await server.close();
    await until(() => client.closed || client.ended);
    client.destroy();
  });
});

describe('commands', () => {
  it("return the server's identity and its slots", async () => {
    server.timeline = 3;
    expect(await firstValueFrom(identifySystem({ connection: server.url }))).toEqual({
      systemId: server.systemId,
      timeline: 3,
      walPosition: 0x1000000n,
      database: 'postgres',
    });
    await firstValueFrom(createSlot({ connection: server.url, slot: 'made' }));
    Object.assign(server.slot('made'), { walStatus: 'lost', invalidationReason: 'wal_removed' });
    const status = await firstValueFrom(slotStatus({ connection: server.url, slot: 'made' }));
    expect(status).toMatchObject({ name: 'made', confirmedFlushLsn: 0x1000000n, walStatus: 'lost' });
  });

  it.each([
    [{}, 'f', 'off'],
    [{ readOnly: true }, 'f', 'on'],
    [{ standby: true }, 't', 'on'],
  ])('return whether the server is writable: %j', async (state, inRecovery, readOnly) => {
    Object.assign(server, state);
    // Each value follows its length of four bytes.
    const length = (text: string) => `\0\0\0${String.fromCharCode(text.length)}`;
    const row = [inRecovery, readOnly].map((text) => length(text) + text).join('');
    expect(await answerTo("SELECT current_setting('server_version_num')")).toContain(row);
  });

  it('return the lag of a slot', async () => {
    const { confirmedFlushLsn } = server.slot();
    const lsn = server.commit(tx(1), tx(2));
    const status$ = slotStatus({ connection: server.url, slot: 'orders' });
    expect(await firstValueFrom(status$)).toMatchObject({ confirmedFlushLsn, lagBytes: lsn - confirmedFlushLsn });
    server.slot().confirmedFlushLsn = lsn;
    expect(await firstValueFrom(status$)).toMatchObject({ confirmedFlushLsn: lsn, lagBytes: 0n });
  });

  it('return the timeline history', async () => {
    server.timeline = 3;
    server.history.push({ timeline: 1, switchLsn: 0x2000000n }, { timeline: 2, switchLsn: 0x3000000n, reason: 'why' });
    const first = '1\t0/2000000\tno recovery target specified\n';
    expect(await answerTo('TIMELINE_HISTORY 3')).toContain(`${first}2\t0/3000000\twhy\n`);
    const second = await answerTo('TIMELINE_HISTORY 2');
    expect(second).toContain('00000002.history');
    expect(second).toContain(first);
    expect(second).not.toContain('why');
    expect(await answerTo('TIMELINE_HISTORY 1')).toContain('C58P01');
  });

  it('are an error if unknown, and can be added', async () => {
    expect(await answerTo('SELECT 1')).toMatch(/C42601\0Mthe fake server has no response to: SELECT 1/);
    server.behaviour.answersTo.push([/^SELECT 1$/, Buffer.alloc(0)]);
    expect(await answerTo('SELECT 1')).not.toContain('42601');
  });
});

describe('the WAL', () => {
  const received = async (client: RawClient, count: number): Promise<number> => {
    await client.received('d:w', count);
    await sleep(5);
    return client.frames.filter((frame) => frame === 'd:w').length;
  };

  it('is sent again by the server’s rule: what commits at or after both positions', async () => {
    const first = server.commit(tx(1));
    server.commit(tx(2), tx(3));
    const all = await RawClient.stream(server);
    expect(await received(all, 12)).toBe(12);
    all.status(first);
    await server.whenConfirmed(first);
    all.destroy();
    await server.whenIdle();

    const rest = await RawClient.stream(server);
    expect(await received(rest, 8)).toBe(8);
    rest.destroy();
    await server.whenIdle();

    const later = await RawClient.stream(server, '0/10000E0');
    expect(await received(later, 4)).toBe(4);
    // The slot does not move.
    expect(server.slot().confirmedFlushLsn).toBe(first);
    later.destroy();
  });

  it("is sent again if a transaction's commit LSN was confirmed instead of its end LSN", async () => {
    server.commit(tx(1));
    const client = await RawClient.stream(server);
    client.status(0x1000040n);
    await server.whenConfirmed('0/1000040');
    client.destroy();
    await server.whenIdle();
    const second = await RawClient.stream(server);
    expect(await received(second, 4)).toBe(4);
    second.destroy();
  });

  it('grows by committed transactions, unless one has an explicit position', () => {
    expect(server.commit(tx(1))).toBe(0x1000070n);
    expect(server.commit({ ...tx(2), commitLsn: 0x2000000n, endLsn: 0x2000100n })).toBe(0x2000100n);
    expect(server.commit(tx(3))).toBe(0x2000170n);
    expect(server.walPosition).toBe(0x2000170n);
  });
});

describe('the server’s time', () => {
  it('is the scheduler’s, in commit times, XLogData and keepalives', () => {
    const clock = new Clock();
    const backend = new FakeBackend(clock);
    backend.behaviour.keepalives = true;
    clock.advance(1000);
    backend.commit(tx(1));
    const flat = record(streaming(backend));
    clock.advance(500);
    backend.commit(tx(2));
    backend.last.keepalive(backend.walPosition);
    clock.advance();
    const timesOf = (kind: string): number[] =>
      flat.values.flatMap((message) => {
        const time = 'commitTime' in message ? message.commitTime : 'serverTime' in message && message.serverTime;
        return message.kind === kind && time ? [time.getTime()] : [];
      });
    expect(timesOf('commit')).toEqual([1000, 1500]);
    expect(timesOf('keepalive')).toEqual([1000, 1500]);

    backend.addSlot('raw', { plugin: 'test_decoding' });
    const raw = record(streamingRaw(backend, { slot: 'raw' }));
    clock.advance(500);
    backend.last.push(Buffer.from('BEGIN'));
    clock.advance();
    const times = raw.values.map(({ serverTime }) => serverTime.getTime());
    expect(new Set(times)).toEqual(new Set([1500, 2000]));
    flat.subscription.unsubscribe();
    raw.subscription.unsubscribe();
  });

  it('is the host’s, over a socket', async () => {
    const before = Date.now();
    const client = await RawClient.stream(server);
    // The microseconds since 2000 follow 5 bytes of header, `k` and the position; the flag is at the end.
    const micros = client.bytes.readBigInt64BE(client.bytes.length - 9);
    const time = Number(micros / 1000n) + Date.UTC(2000, 0, 1);
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(Date.now());
    client.destroy();
  });
});

describe('keepalives', () => {
  it('are sent at the start, which moves a slot whose last confirmation was lost', async () => {
    const lsn = server.commit(tx(1));
    const client = await RawClient.stream(server, '0/1000070');
    expect(client.frames.slice(-2)).toEqual(['W', 'd:k']);
    expect(client.bytes.readBigUInt64BE(client.bytes.length - 17)).toBe(lsn);
    client.status(lsn);
    await server.whenConfirmed(lsn);
    server.verify();
    client.destroy();
  });

  it("respond to a client's request, unless the server sends none", async () => {
    const client = await RawClient.stream(server);
    const ask = (): void =>
      client.send(
        encodeStandbyStatusUpdate({ written: 0n, flushed: 0n, applied: 0n, now: Date.now(), replyRequested: true }),
      );
    ask();
    await client.received('d:k', 2);
    server.behaviour.keepalives = false;
    ask();
    await client.leaveStream();
    expect(client.frames.filter((frame) => frame === 'd:k')).toHaveLength(2);
    client.destroy();
  });
});

describe('waiting', () => {
  it('whenStreaming(), whenConfirmed() and whenIdle() resolve when the condition holds', async () => {
    const order: string[] = [];
    const lsn = server.commit(tx(1));
    const waits = [
      server.whenStreaming().then(() => order.push('streaming')),
      server.whenConfirmed(lsn).then(() => order.push('confirmed')),
    ];
    await server.whenIdle();
    const subscription = logicalReplication({ connection: server.url, slot: 'orders', publications: ['orders_pub'] })
      .pipe(
        transactions(),
        ackAfter(() => undefined),
      )
      .subscribe();
    await Promise.all(waits);
    expect(order).toEqual(['streaming', 'confirmed']);
    await Promise.all([server.whenStreaming(), server.whenConfirmed(lsn), server.whenConfirmed('0/1')]);
    subscription.unsubscribe();
    await server.whenIdle();
    expect(server.open).toBe(0);
  });

  it('may be limited to one slot', async () => {
    server.addSlot('other');
    const client = await RawClient.stream(server);
    await server.whenStreaming({ slot: 'orders' });
    await expect(server.whenStreaming({ slot: 'other', timeout: 20 })).rejects.toThrow(
      'After 20 ms no connection is streaming from slot "other"',
    );
    await server.whenIdle({ slot: 'other' });
    await expect(server.whenIdle({ slot: 'orders', timeout: 20 })).rejects.toThrow(
      'After 20 ms slot "orders" is active',
    );
    await server.play({ error: { sqlState: '57014' } });
    await server.whenIdle({ slot: 'orders' });
    expect(server.open).toBe(1);

    const occupied = server.play({ occupy: { ms: 20 } }, { wait: 0 });
    expect(server.slot().owner).toBe(4711);
    await Promise.all([occupied, server.whenIdle({ slot: 'orders' })]);
    expect(server.slot().owner).toBeUndefined();
    for (const wait of [server.whenStreaming({ slot: 'none' }), server.whenIdle({ slot: 'none' })]) {
      await expect(wait).rejects.toThrow('has no slot "none"');
    }
    client.destroy();
  });

  it('rejects with the current state', async () => {
    const lsn = server.commit(tx(1));
    await expect(server.whenStreaming({ timeout: 20 })).rejects.toThrow('After 20 ms no connection is streaming');
    const client = await RawClient.stream(server);
    client.status(0x3000000n, 0n);
    await server.whenConfirmed('0/3000000');
    server.slot().confirmedFlushLsn = 0x1000000n;
    await expect(server.whenConfirmed(lsn, { timeout: 20 })).rejects.toThrow(
      /After 20 ms the client has confirmed 0\/1000000, not 0\/1000070\n- connection \d+ confirmed 0\/3000000/,
    );
    await expect(server.whenIdle({ timeout: 20 })).rejects.toThrow('1 connections are open');
    await expect(server.whenConfirmed(lsn, { slot: 'none' })).rejects.toThrow('has no slot "none"');
    client.destroy();
  });
});

describe('the auditor', () => {
  it('records what was sent and confirmed, by connection', async () => {
    server.commit(tx(1), tx(2));
    const client = await RawClient.stream(server);
    await client.received('d:w', 8);
    client.status(0n, 0x10000e0n);
    client.status(0n, 0x10000e0n);
    client.status(0x1000070n, 0x10000e0n);
    await server.whenConfirmed('0/1000070');
    expect(server.last.auditor).toMatchObject({ sent: 0x10000e0n });
    expect(server.last.statuses).toMatchObject([
      { flushed: 0n, written: 0x10000e0n },
      { flushed: 0n },
      { flushed: 0x1000070n, applied: 0x1000070n, replyRequested: false },
    ]);
    expect(server.last.log).toEqual([
      'startup',
      'query START_REPLICATION SLOT "orders" LOGICAL 0/0',
      'status 0/0',
      'status 0/0',
      'status 0/1000070',
    ]);
    client.destroy();
  });

  it('supports the positions of another plugin, too', async () => {
    server.addSlot('orders', { plugin: 'test_decoding' });
    const client = await RawClient.stream(server);
    const payloads = [Buffer.from('BEGIN'), Buffer.from('COMMIT')];
    const end = server.commit({ startLsn: 0x1000000n, commitLsn: 0x1000010n, endLsn: 0x1000020n, payloads });
    await client.received('d:w', 2);
    client.status(end);
    await server.whenConfirmed(end);
    client.status(end + 1n);
    await client.leaveStream();
    expect(server.violations).toMatchObject([{ kind: 'flushBeyondSent', sent: '0/1000020' }]);
    client.destroy();
  });
});
