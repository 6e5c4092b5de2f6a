import { Subject, tap } from 'rxjs';
import type { OpenInfo } from '../../lib/commands/open-stream';
import type { CloseInfo, StatusUpdate } from '../../lib/config/observers';
import { Clock } from '../support/clock';
import { FakeBackend } from '../support/fake-backend';
import { record, streaming } from '../support/streaming';
import { tx, getCode, expectNothingLeft } from '../support/replication';

let clock: Clock;
let server: FakeBackend;

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
});

describe('the observers', () => {
  it('receive the start of the stream, each status update and the end', () => {
    const opened: OpenInfo[] = [];
    const statuses: StatusUpdate[] = [];
    const closed: CloseInfo[] = [];
    const heard: string[] = [];
    const { values, subscription } = record(
      streaming(server, {
        openObserver: { next: (info) => (opened.push(info), heard.push('open')) },
        statusObserver: { next: (status) => (statuses.push(status), heard.push('status')) },
        closeObserver: { next: (info) => (closed.push(info), heard.push('close')) },
      }).pipe(tap(() => heard.push('next'))),
    );
    clock.advance();
    expect(opened).toEqual([
      {
        systemId: server.systemId,
        timeline: 1,
        walPosition: 0x5000n,
        database: 'shop',
        serverVersion: 180004,
        standby: false,
        walSenderTimeout: 60_000,
        slot: expect.objectContaining({ name: 'orders', confirmedFlushLsn: 0x80n, active: false }),
        slotCreated: false,
        startLsn: undefined,
      },
    ]);
    server.commit(tx(1, 2));
    clock.advance(10);
    expect(statuses.at(-1)).toMatchObject({ receivedLsn: 0n, confirmedLsn: 0n });
    clock.advance(10_000);
    expect(statuses.at(-1)).toEqual({
      receivedLsn: 0x130n,
      confirmedLsn: 0n,
      unackedMessages: 3,
      unackedBytes: expect.any(Number),
      paused: false,
    });
    for (const message of values) message.ack();
    clock.advance(10);
    expect(statuses.at(-1)).toMatchObject({ confirmedLsn: 0x130n, unackedMessages: 0, unackedBytes: 0 });
    expect(server.last.statuses).toHaveLength(statuses.length);

    subscription.unsubscribe();
    expect(closed).toEqual([]);
    clock.advance(10);
    expect(closed).toEqual([{ confirmedLsn: 0x130n, receivedLsn: 0x130n, error: undefined }]);
    expect(heard[0]).toBe('open');
    expect(heard.at(-1)).toBe('close');
  });

  it('receive values that can be logged as JSON', () => {
    const heard: string[] = [];
    const observer = { next: (value: unknown) => heard.push(JSON.stringify(value)) };
    record(streaming(server, { openObserver: observer, statusObserver: observer, closeObserver: observer }));
    clock.advance(10_010);
    server.last.error({ C: '57P01' });
    expect(heard[0]).toMatch(/"walPosition":"0\/5000".*"slot":\{"name":"orders".*"confirmedFlushLsn":"0\/80"/);
    expect(heard[1]).toMatch(/^\{"receivedLsn":"0\/\w+","confirmedLsn":"0\/0"/);
    expect(heard.at(-1)).toMatch(
      /^\{"confirmedLsn":"0\/0".*"error":\{.*"message":".+","code":"SERVER_SHUTDOWN","retryable":true\}\}$/,
    );
  });

  it('receive the error before the subscriber does', () => {
    const heard: unknown[] = [];
    const { subscription } = record(
      streaming(server, { closeObserver: { next: ({ error }) => heard.push(['close', getCode(error)]) } }).pipe(
        tap({ error: (error) => heard.push(['error', getCode(error)]) }),
      ),
    );
    clock.advance();
    server.last.error({ C: '57P01' });
    expect(heard).toEqual([
      ['close', 'SERVER_SHUTDOWN'],
      ['error', 'SERVER_SHUTDOWN'],
    ]);
    subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('receive nothing for a stream that has not started', () => {
    const heard: unknown[] = [];
    const observer = { next: (value: unknown) => heard.push(value) };
    server.publications.clear();
    const config = { openObserver: observer, statusObserver: observer, closeObserver: observer };
    const failed = record(streaming(server, config));
    clock.advance();
    expect(getCode(failed.error)).toBe('PUBLICATION_MISSING');
    expect(heard).toEqual([]);
  });

  it('may unsubscribe when the stream starts', () => {
    const opened = new Subject<OpenInfo>();
    const { subscription, values } = record(streaming(server, { openObserver: opened }));
    opened.subscribe(() => subscription.unsubscribe());
    server.commit(tx(1));
    clock.advance();
    expect(values).toEqual([]);
    expectNothingLeft(clock, server);
  });

  it('receive that a slot was created', () => {
    server.slots.clear();
    const opened: OpenInfo[] = [];
    const { subscription } = record(
      streaming(server, { ensureSlot: { temporary: true }, openObserver: { next: (info) => opened.push(info) } }),
    );
    clock.advance();
    expect(opened).toEqual([
      expect.objectContaining({ slotCreated: true, slot: expect.objectContaining({ temporary: true }) }),
    ]);
    subscription.unsubscribe();
    expectNothingLeft(clock, server);
    expect(server.slots.size).toBe(0);
  });
});
