import { take } from 'rxjs';
import { createStream } from '../../lib/logical-replication';
import { Clock } from '../support/clock';
import { FakeBackend } from '../support/fake-backend';
import { CONNECTION, names, record, streaming } from '../support/streaming';
import { tx, ackEverything, expectNothingLeft } from '../support/replication';

let clock: Clock;
let server: FakeBackend;

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
});

describe('subscribing', () => {
  it('opens the connection', () => {
    const source = streaming(server);
    clock.advance(1000);
    expect(server.connections).toHaveLength(0);

    const { subscription } = record(source);
    clock.advance();
    expect(server.connections).toHaveLength(1);
    expect(server.last.target).toMatchObject({ host: 'db.example', port: 5432, tls: { optional: true } });
    expect(server.last.startup).toMatchObject({ user: 'app', database: 'shop', replication: 'database' });
    expect(server.last.streaming).toBe(true);
    subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('emits what the server sends, in order, including keepalives', () => {
    const { values, subscription } = ackEverything(streaming(server));
    clock.advance();
    server.commit(tx(1), tx(2));
    server.last.keepalive(0x400n);
    expect(values.map(({ kind }) => kind)).toEqual([
      ...['begin', 'relation', 'insert', 'commit', 'begin', 'relation', 'insert', 'commit'],
      'keepalive',
    ]);
    subscription.unsubscribe();
  });

  it('opens one connection for each subscription, one after the other', () => {
    const source = streaming(server);
    for (let i = 1; i <= 3; i++) {
      const { subscription } = record(source);
      clock.advance(100);
      subscription.unsubscribe();
      clock.advance(100);
      expect(server.connections).toHaveLength(i);
    }
    expectNothingLeft(clock, server);
  });

  it('processes data received directly after CopyBoth', () => {
    server.commit(tx(1));
    const { values } = ackEverything(streaming(server).pipe(take(4)));
    clock.advance();
    expect(names(values)).toEqual(['tx 1']);
  });

  it('requests startLsn', () => {
    const { subscription } = record(streaming(server, { startLsn: '0/200' }));
    server.commit(tx(1), tx(2));
    clock.advance();
    expect(server.last.startLsn).toBe(0x200n);
    subscription.unsubscribe();
  });

  it('reports a transport that cannot be created, and can be subscribed to again', () => {
    let broken = true;
    const connect: typeof server.connect = (target, events) => {
      if (broken) throw new Error('bad host');
      return server.connect(target, events);
    };
    const source = createStream(connect, {
      connection: CONNECTION,
      slot: 'orders',
      publications: ['orders_pub'],
      scheduler: clock,
    });
    expect(record(source).error).toHaveProperty('message', 'bad host');
    broken = false;
    const second = record(source);
    clock.advance();
    expect(second.error).toBeUndefined();
    expect(server.last.streaming).toBe(true);
    second.subscription.unsubscribe();
  });
});
