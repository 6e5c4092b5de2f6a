import { firstValueFrom } from 'rxjs';
import { identifySystem } from '../../lib';
import { FakeWalSender, frames, table, transaction, type Step } from '../../lib/testing';
import { decodeBackendMessage } from '../../lib/wire/backend';
import { FrameDecoder } from '../../lib/wire/frames';
import { encodeStartupMessage } from '../../lib/wire/frontend';
import { until } from '../net/support/local-server';
import { RawClient } from './support/raw-client';

const orders = table('orders', { id: 'int4' });
const tx = (id: number) => transaction([orders.insert({ id })]);

let server: FakeWalSender;
let client: RawClient;

beforeEach(async () => {
  server = await FakeWalSender.listen({ slots: ['orders'] });
  client = await RawClient.stream(server);
  client.segments.length = 0;
  client.frames.length = 0;
});

afterEach(async () => {
  client.destroy();
  await server.close();
});

/** The contents of the last frame received. */
function lastMessage(): unknown {
  const decoder = new FrameDecoder();
  decoder.push(client.bytes);
  let message: unknown;
  while (decoder.next()) message = decodeBackendMessage(decoder);
  return message;
}

describe('steps that send data', () => {
  it('commit: the transaction is sent to streaming connections', async () => {
    await server.play({ commit: tx(1) });
    await client.received('d:w', 4);
    expect(client.bytes.subarray(30, 31).toString()).toBe('B');
    expect(server.walPosition).toBe(0x1000070n);
  });

  it('keepalive: with the end of the WAL, or the given position', async () => {
    await server.play({ keepalive: {} }, { keepalive: { walEnd: 0x2000000n, replyRequested: true } });
    await client.received('d:k', 2);
    const walEnd = (at: number) => client.bytes.readBigUInt64BE(at + 6);
    expect([walEnd(0), walEnd(23)]).toEqual([0x1000000n, 0x2000000n]);
    expect([client.bytes[22], client.bytes[45]]).toEqual([0, 1]);
  });

  it('keepalive: with a position as text', async () => {
    await server.play({ keepalive: { walEnd: '0/2000000' } });
    await client.received('d:k');
    expect(client.bytes.readBigUInt64BE(6)).toBe(0x2000000n);
    await expect(server.play({ keepalive: { walEnd: 'there' } })).rejects.toThrow(
      'keepalive.walEnd: invalid LSN: "there"',
    );
  });

  it('send: any bytes', async () => {
    await server.play({ send: Buffer.concat([frames.buildFrame('?'), Buffer.from('garb')]) });
    await until(() => client.bytes.length === 9);
    expect(client.bytes.subarray(5).toString()).toBe('garb');
  });

  it('error: with any SQLSTATE, followed by ReadyForQuery', async () => {
    const error = { sqlState: 'XX123', message: 'oh', detail: 'd', hint: 'h', routine: 'r' };
    await server.play({ error });
    await client.received('Z');
    expect(client.frames).toEqual(['E', 'Z']);
    expect(server.slot().owner).toBeUndefined();
    expect(client.bytes.toString()).toMatch(/SERROR\0VERROR\0CXX123\0Moh\0Dd\0Hh\0Rr\0/);
  });

  it('error: FATAL ends the connection', async () => {
    await server.play({ error: { sqlState: '57P01', severity: 'FATAL' } });
    await until(() => client.ended);
    expect(lastMessage()).toMatchObject({ kind: 'error', fields: { severity: 'FATAL', sqlState: '57P01' } });
    expect(server.slot().owner).toBeUndefined();
  });

  it('notice: the stream continues', async () => {
    await server.play({ notice: { sqlState: '01000', message: 'careful' } });
    await client.received('N');
    expect(lastMessage()).toMatchObject({ kind: 'notice', fields: { severity: 'WARNING', message: 'careful' } });
    expect(server.last.streaming).toBe(true);
  });
});

describe('an invalid step', () => {
  it.each<[what: string, step: object, message: RegExp]>([
    ['two names', { stall: 50, cut: 0 }, /expected exactly one name, got stall and cut/],
    ['an unknown name', { cutt: 0 }, /unknown step "cutt"\. Did you mean `cut`\?/],
    ['an unknown name beside a known one', { cut: 0, ms: 5 }, /unknown step "ms"/],
    ['no name', {}, /expected exactly one name, got none/],
    ['a name from Object.prototype', { toString: 0 }, /unknown step "toString"/],
  ])('is rejected without an effect: %s', async (_, step, message) => {
    await expect(server.play(step as Step)).rejects.toMatchObject({
      name: 'ConfigError',
      message: expect.stringMatching(message) as string,
    });
    await server.play({ commit: tx(1) });
    await client.received('d:w', 4);
    expect(client.ended).toBe(false);
  });

  it('does not compile', () => {
    const steps: Step[] = [
      // @ts-expect-error two known names
      { stall: 50, cut: 0 },
      // @ts-expect-error an unknown name
      { cutt: 0 },
      // @ts-expect-error an unknown name beside a known one
      { cut: 0, ms: 5 },
      // @ts-expect-error no name at all
      {},
      // @ts-expect-error a value of another type
      { split: 5 },
    ];
    expect(steps).toHaveLength(5);
  });

  it('may have other names whose value is undefined', async () => {
    await server.play({ keepalive: {}, ...({ stall: undefined } as object) });
    await client.received('d:k');
  });
});

describe('steps for network faults', () => {
  it('split: segments of these sizes, then as usual', async () => {
    await server.play({ split: [1, 2, 30] }, { commit: tx(1) }, { keepalive: {} });
    await client.received('d:k');
    expect(client.segments.slice(0, 3).map(({ length }) => length)).toEqual([1, 2, 30]);
    expect(client.frames).toEqual(['d:w', 'd:w', 'd:w', 'd:w', 'd:k']);
  });

  it('glue: data of that time is sent as one segment', async () => {
    await server.play({ glue: 30 }, { keepalive: {} }, { wait: 5 }, { commit: tx(1) });
    expect(client.segments).toHaveLength(0);
    await client.received('d:w', 4);
    expect(client.segments).toHaveLength(1);
  });

  it('stall: nothing is received in this time', async () => {
    const started = performance.now();
    await server.play({ stall: 50 }, { keepalive: {} });
    await client.received('d:k');
    // Timers of Node may fire a millisecond early.
    expect(performance.now() - started).toBeGreaterThanOrEqual(48);
  });

  it.each([0, 1, 4, 5, 29, 30, 31, 100])('cut: %i bytes are received, then the end', async (bytes) => {
    await server.play({ cut: bytes }, { commit: tx(1) });
    await until(() => client.ended);
    expect(client.bytes).toHaveLength(bytes);
    expect(client.error).toBeUndefined();
    expect(server.slot().owner).toBeUndefined();
  });

  it('cut: also across segments and pauses', async () => {
    await server.play({ split: [7, 7] }, { stall: 5 }, { cut: 150 }, { commit: tx(1) });
    await until(() => client.ended);
    expect(client.bytes).toHaveLength(150);
  });

  it('reset: the client receives ECONNRESET', async () => {
    await server.play({ reset: 0 });
    await until(() => client.closed);
    expect(client.error).toMatchObject({ code: 'ECONNRESET' });
    await server.whenIdle();
    expect(server.slot().owner).toBeUndefined();
  });

  it('reset: at most this number of bytes is received', async () => {
    await server.play({ reset: 10 }, { commit: tx(1) });
    await until(() => client.closed || client.ended);
    expect(client.bytes.length).toBeLessThanOrEqual(10);
    expect(server.last.auditor.sent).toBe(0x1000000n);
  });

  it('halfClose: the client receives the end, and can still send', async () => {
    const lsn = server.commit(tx(1));
    await client.received('d:w', 4);
    await server.play({ halfClose: true });
    await until(() => client.ended);
    client.status(lsn);
    await server.whenConfirmed(lsn);
    expect(server.open).toBe(1);
  });

  it('apply to the next connection if none is open', async () => {
    client.destroy();
    await server.whenIdle();
    await server.play({ cut: 3 });
    client = await RawClient.connect(server);
    client.send(encodeStartupMessage({ user: 'app' }));
    await until(() => client.ended);
    expect(client.bytes).toHaveLength(3);
    client.destroy();
    client = await RawClient.stream(server);
    expect(server.last.streaming).toBe(true);
  });
});

describe('steps for new connections', () => {
  it('refuse: connections are reset in this time', async () => {
    const system$ = identifySystem({ connection: server.url });
    await server.play({ refuse: 50 });
    await expect(firstValueFrom(system$)).rejects.toMatchObject({ retryable: true });
    expect(server.connections).toHaveLength(1);
    await server.play({ wait: 60 });
    expect(await firstValueFrom(system$)).toMatchObject({ systemId: server.systemId });
  });

  it('occupy: the slot is active for another process, and then free', async () => {
    client.destroy();
    await server.whenIdle();
    await server.play({ occupy: { ms: 50 } });
    expect(server.slot().owner).toBe(4711);
    await server.play({ wait: 60 });
    client = await RawClient.stream(server);
    await server.play({ occupy: { slot: 'orders', ms: 1 } }, { wait: 10 });
    expect(server.slot().owner).toBe(server.last);
  });
});

it('steps that need no time run synchronously, and those after a wait run after it', async () => {
  const played = server.play({ commit: tx(1) }, { wait: 20 }, { commit: tx(2) });
  expect(server.wal).toHaveLength(1);
  await played;
  expect(server.wal).toHaveLength(2);
});

it('a script ends when the server is closed', async () => {
  const played = server.play({ wait: 60_000 }, { commit: tx(1) });
  await server.close();
  await played;
  expect(server.wal).toHaveLength(0);
});
