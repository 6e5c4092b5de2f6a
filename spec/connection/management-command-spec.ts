import { firstValueFrom, lastValueFrom, toArray, type Observable } from 'rxjs';
import { createSlot } from '../../lib/admin/slots/create-slot';
import { dropSlot } from '../../lib/admin/slots/drop-slot';
import { identifySystem } from '../../lib/admin/slots/identify-system';
import { slotStatus } from '../../lib/admin/slots/slot-status';
import { FakeWalSender } from '../../lib/testing';
import { until } from '../net/support/local-server';
import { record } from '../support/streaming';

let server: FakeWalSender;

beforeEach(async () => {
  server = await FakeWalSender.listen({ slots: ['orders'], database: 'shop' });
});

afterEach(() => server.close());

describe('the management commands', () => {
  it('connect on subscribe, each time anew, and close the connection', async () => {
    const system$ = identifySystem({ connection: server.url });
    expect(server.connections).toHaveLength(0);
    for (let i = 1; i <= 2; i++) {
      expect(await lastValueFrom(system$.pipe(toArray()))).toEqual([
        { systemId: server.systemId, timeline: 1, walPosition: 0x1000000n, database: 'shop' },
      ]);
      await until(() => server.open === 0);
      expect(server.connections).toHaveLength(i);
      expect(server.last.log).toContain('terminate');
    }
  });

  it("emit in a separate turn of the event loop, outside the connection's start-up", async () => {
    const stack = await new Promise<string | undefined>((resolve, reject) => {
      const limit = Error.stackTraceLimit;
      Error.stackTraceLimit = Infinity;
      const next = (): void => {
        resolve(new Error().stack);
        Error.stackTraceLimit = limit;
      };
      identifySystem({ connection: server.url }).subscribe({ next, error: reject });
    });
    expect(stack).toMatch(/lib\/connection\/management-command/);
    expect(stack).not.toMatch(/lib\/(?:connection\/startup-connection|commands)/);
  });

  it('may run concurrently', async () => {
    const system$ = identifySystem({ connection: server.url });
    await Promise.all([firstValueFrom(system$), firstValueFrom(system$)]);
    expect(server.connections).toHaveLength(2);
  });

  it('create a slot, query it, and drop it', async () => {
    const config = { connection: server.url, slot: 'made' };
    expect(await firstValueFrom(slotStatus(config))).toBeUndefined();
    expect(await firstValueFrom(createSlot(config))).toEqual({
      name: 'made',
      plugin: 'pgoutput',
      temporary: false,
      failover: false,
      twoPhase: false,
      consistentPoint: 0x1000000n,
    });
    expect(await firstValueFrom(slotStatus(config))).toMatchObject({
      name: 'made',
      plugin: 'pgoutput',
      type: 'logical',
      active: false,
      activePid: undefined,
      confirmedFlushLsn: 0x1000000n,
      lagBytes: 0n,
    });
    expect(await firstValueFrom(dropSlot(config))).toBe('made');
    expect(server.slots.has('made')).toBe(false);
  });

  it('emit values that can be logged as JSON', async () => {
    const config = { connection: server.url, slot: 'made' };
    const shown = async (command: Observable<unknown>) => JSON.stringify(await firstValueFrom(command));
    expect(await shown(createSlot(config))).toBe(
      '{"name":"made","plugin":"pgoutput","temporary":false,"failover":false,"twoPhase":false,"consistentPoint":"0/1000000"}',
    );
    expect(await shown(slotStatus(config))).toContain(
      '"confirmedFlushLsn":"0/1000000","walStatus":"reserved","twoPhase":false,"lagBytes":"0"',
    );
    expect(await shown(identifySystem({ connection: server.url }))).toContain('"walPosition":"0/1000000"');
  });

  it('create a slot with another plugin', async () => {
    await firstValueFrom(createSlot({ connection: server.url, slot: 'made', plugin: 'test_decoding' }));
    expect(server.slot('made').plugin).toBe('test_decoding');
  });

  it.each([
    ['SLOT_EXISTS', () => createSlot({ connection: server.url, slot: 'orders' })],
    ['SLOT_MISSING', () => dropSlot({ connection: server.url, slot: 'nothing' })],
  ])('fail with %s, and close the connection', async (code, command) => {
    const heard = record<unknown>(command());
    await until(() => heard.error !== undefined);
    expect(heard.error).toMatchObject({ code });
    await until(() => server.open === 0);
  });

  it('fail if no server listens', async () => {
    const { url } = server;
    await server.close();
    const heard = record(identifySystem({ connection: url }));
    await until(() => heard.error !== undefined);
    expect(heard.error).toMatchObject({ code: 'CONNECTION_REFUSED' });
    server = await FakeWalSender.listen({ slots: ['orders'], database: 'shop' });
  });

  it('fail with CONNECT_TIMEOUT if the server does not respond', async () => {
    server.behaviour.answers = false;
    const heard = record(identifySystem({ connection: server.url, connectTimeout: 50 }));
    await until(() => heard.error !== undefined);
    expect(heard.error).toMatchObject({ code: 'CONNECT_TIMEOUT' });
    await until(() => server.open === 0);
  });

  it('are aborted by unsubscribing', async () => {
    server.behaviour.answers = false;
    const heard = record(identifySystem({ connection: server.url }));
    await until(() => server.open === 1);
    heard.subscription.unsubscribe();
    await until(() => server.open === 0);
    expect(heard.events).toEqual([]);
  });

  it('cancel the creation of a slot on unsubscribe', async () => {
    server.behaviour.creationWaits = true;
    const heard = record(createSlot({ connection: server.url, slot: 'made' }));
    await until(() => server.connections[0]?.queries.at(-1)?.startsWith('CREATE') === true);
    heard.subscription.unsubscribe();
    await until(() => server.cancelled.length === 1);
    await until(() => server.open === 0);
    expect(server.cancelled).toEqual([server.connections[0]?.processId]);
    expect(server.slots.has('made')).toBe(false);
  });
});
