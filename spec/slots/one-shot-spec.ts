import { firstValueFrom, lastValueFrom, toArray, type Observable } from 'rxjs';
import { createSlot } from '../../lib/slots/create-slot';
import { dropSlot } from '../../lib/slots/drop-slot';
import { identifySystem } from '../../lib/slots/identify-system';
import { slotStatus } from '../../lib/slots/slot-status';
import { until } from '../net/local-server';
import { FakeListener } from '../support/fake-listener';
import { record } from '../support/streaming';

let listener: FakeListener;

beforeEach(async () => {
  listener = await new FakeListener().listen();
});

afterEach(() => listener.close());

describe('the one-shots', () => {
  it('connect on subscribe, each time anew, and take their leave', async () => {
    const system$ = identifySystem({ connection: listener.url });
    expect(listener.server.connections).toHaveLength(0);
    for (let i = 1; i <= 2; i++) {
      expect(await lastValueFrom(system$.pipe(toArray()))).toEqual([
        { systemId: listener.server.systemId, timeline: 1, walPosition: 0x5000n, database: 'shop' },
      ]);
      await until(() => listener.open === 0);
      expect(listener.server.connections).toHaveLength(i);
      expect(listener.server.last.log).toContain('terminate');
    }
  });

  it('may run at the same time', async () => {
    const system$ = identifySystem({ connection: listener.url });
    await Promise.all([firstValueFrom(system$), firstValueFrom(system$)]);
    expect(listener.server.connections).toHaveLength(2);
  });

  it('make a slot, look it up, and drop it', async () => {
    const config = { connection: listener.url, slot: 'made' };
    expect(await firstValueFrom(slotStatus(config))).toBeUndefined();
    expect(await firstValueFrom(createSlot(config))).toEqual({
      name: 'made',
      plugin: 'pgoutput',
      temporary: false,
      consistentPoint: 0x5000n,
    });
    expect(await firstValueFrom(slotStatus(config))).toMatchObject({
      name: 'made',
      plugin: 'pgoutput',
      type: 'logical',
      active: false,
      activePid: undefined,
      confirmedFlushLsn: 0x5000n,
      lagBytes: 0n,
    });
    expect(await firstValueFrom(dropSlot(config))).toBe('made');
    expect(listener.server.slots.has('made')).toBe(false);
  });

  it('give values that can be logged as JSON', async () => {
    const config = { connection: listener.url, slot: 'made' };
    const shown = async (oneShot: Observable<unknown>) => JSON.stringify(await firstValueFrom(oneShot));
    expect(await shown(createSlot(config))).toBe(
      '{"name":"made","plugin":"pgoutput","temporary":false,"consistentPoint":"0/5000"}',
    );
    expect(await shown(slotStatus(config))).toContain(
      '"confirmedFlushLsn":"0/5000","walStatus":"reserved","lagBytes":"0"',
    );
    expect(await shown(identifySystem({ connection: listener.url }))).toContain('"walPosition":"0/5000"');
  });

  it('make a slot with another plugin', async () => {
    await firstValueFrom(createSlot({ connection: listener.url, slot: 'made', plugin: 'test_decoding' }));
    expect(listener.server.slot('made').plugin).toBe('test_decoding');
  });

  it.each([
    ['SLOT_EXISTS', () => createSlot({ connection: listener.url, slot: 'orders' })],
    ['SLOT_MISSING', () => dropSlot({ connection: listener.url, slot: 'nothing' })],
  ])('fail with %s, and take their leave', async (code, oneShot) => {
    const heard = record<unknown>(oneShot());
    await until(() => heard.error !== undefined);
    expect(heard.error).toMatchObject({ code });
    await until(() => listener.open === 0);
  });

  it('fail where nobody listens', async () => {
    const { url } = listener;
    await listener.close();
    const heard = record(identifySystem({ connection: url }));
    await until(() => heard.error !== undefined);
    expect(heard.error).toMatchObject({ code: 'CONNECTION_REFUSED' });
    listener = await new FakeListener().listen();
  });

  it('fail with CONNECT_TIMEOUT where the server says nothing', async () => {
    listener.server.behaviour.answers = false;
    const heard = record(identifySystem({ connection: listener.url, connectTimeout: 50 }));
    await until(() => heard.error !== undefined);
    expect(heard.error).toMatchObject({ code: 'CONNECT_TIMEOUT' });
    await until(() => listener.open === 0);
  });

  it('are given up by unsubscribing', async () => {
    listener.server.behaviour.answers = false;
    const heard = record(identifySystem({ connection: listener.url }));
    await until(() => listener.open === 1);
    heard.subscription.unsubscribe();
    await until(() => listener.open === 0);
    expect(heard.events).toEqual([]);
  });

  it('cancel the making of a slot when they are unsubscribed', async () => {
    listener.server.behaviour.creationWaits = true;
    const heard = record(createSlot({ connection: listener.url, slot: 'made' }));
    await until(() => listener.server.connections[0]?.queries.at(-1)?.startsWith('CREATE') === true);
    heard.subscription.unsubscribe();
    await until(() => listener.server.cancelled.length === 1);
    await until(() => listener.open === 0);
    expect(listener.server.cancelled).toEqual([listener.server.connections[0]?.processId]);
    expect(listener.server.slots.has('made')).toBe(false);
  });
});
