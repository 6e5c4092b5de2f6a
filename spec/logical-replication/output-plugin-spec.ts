import { buildXlogData } from '../../lib/testing/backend-messages';
import { Clock } from '../support/clock';
import { FakeBackend } from '../support/fake-backend';
import { record, streamingRaw } from '../support/streaming';
import { expectNothingLeft } from '../support/replication';

let clock: Clock;
let server: FakeBackend;

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
});

describe('another output plugin', () => {
  beforeEach(() => {
    server.addSlot('orders', { plugin: 'test_decoding' });
  });

  it('receives its options, and its output is emitted', () => {
    const { values, subscription } = record(
      streamingRaw(server, { pluginOptions: { 'skip-empty-xacts': '1', include_xids: "it's" } }),
    );
    clock.advance();
    expect(server.last.queries.at(-1)).toBe(
      `START_REPLICATION SLOT "orders" LOGICAL 0/0 ("skip-empty-xacts" '1', include_xids 'it''s')`,
    );
    expect(server.last.queries.some((sql) => sql.includes('pg_publication'))).toBe(false);
    server.last.push(Buffer.from('BEGIN 700'));
    expect(values).toMatchObject([{ kind: 'xlogData', data: Buffer.from('BEGIN 700') }]);
    subscription.unsubscribe();
    expectNothingLeft(clock, server);
  });

  it('moves the slot to the highest dataStart before the oldest unacknowledged message', () => {
    const { values, subscription } = record(streamingRaw(server));
    clock.advance();
    server.last.send(
      buildXlogData(Buffer.from('a'), { dataStart: 0x200n }),
      buildXlogData(Buffer.from('b'), { dataStart: 0x180n }),
      buildXlogData(Buffer.from('c'), { dataStart: 0x300n }),
    );
    values[2]?.ack();
    values[1]?.ack();
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x80n);
    values[0]?.ack();
    clock.advance(10);
    expect(server.slot().confirmed).toBe(0x300n);
    subscription.unsubscribe();
  });
});
