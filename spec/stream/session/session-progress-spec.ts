import { Delivery } from '../../../lib/ledger/acknowledgement';
import type { SessionOptions } from '../../../lib/stream/session/session-ports';
import { buildLogicalMessage } from '../../../lib/testing/payloads';
import { buildKeepalive, buildXlogData } from '../../../lib/testing/backend-messages';
import {
  ackAll,
  computeEnd,
  getHandle,
  RELATION,
  createSession,
  transactionFrames,
  type FakeHost,
  type SessionFixture,
  stopAfter,
} from './support/fake-host';
import { LedgerDelivery } from '../../ledger/support/delivering-ledger';

/** A session whose consumer owns the position, with progress once per second. */
function consumers(options: Partial<SessionOptions> = {}): SessionFixture {
  return createSession({ progressInterval: 1000, ...options });
}

/** The positions of the progress keepalives. */
function progress({ delivered }: FakeHost): bigint[] {
  return delivered.flatMap((message) =>
    message.kind === 'keepalive' && getHandle(message).isProgress ? [message.walEnd] : [],
  );
}

describe('progress without changes, if the consumer owns the position', () => {
  it('is delivered immediately, and then at most once per interval', () => {
    const { receive, host } = consumers();
    for (let i = 0; i <= 30; i++) {
      receive(buildKeepalive(0x100n + BigInt(i)));
      host.time += 100;
    }
    expect(progress(host)).toEqual([0x100n, 0x10an, 0x114n, 0x11en]);
  });

  it('is delivered when the server requests a reply, as a server that is shutting down does', () => {
    const { receive, host } = consumers();
    receive(buildKeepalive(0x100n), buildKeepalive(0x200n), buildKeepalive(0x300n, true));
    expect(progress(host)).toEqual([0x100n, 0x300n]);
  });

  it('must be beyond the start, the last transaction and earlier progress', () => {
    const { receive, host, pass } = consumers({ startLsn: 0x100n });
    receive(buildKeepalive(0x90n, true), buildKeepalive(0x100n, true));
    receive(RELATION, ...transactionFrames(0x200n));
    ackAll(host);
    pass(5000);
    receive(buildKeepalive(computeEnd(0x200n), true), buildKeepalive(0x300n), buildKeepalive(0x300n, true));
    expect(progress(host)).toEqual([0x300n]);
  });

  it('is not delivered within a transaction, and none is lost by that', () => {
    const { receive, host, pass } = consumers();
    host.onDeliver = (message) => message.kind === 'keepalive' || message.ack();
    const [begin, row, commit] = transactionFrames(0x200n);
    receive(RELATION, begin!, buildKeepalive(0x900n, true), row!);
    pass(5000);
    receive(buildKeepalive(0x900n, true), commit!);
    expect([progress(host), host.statuses.at(-1)?.flushed]).toEqual([[], computeEnd(0x200n)]);
    pass(5000);
    receive(buildKeepalive(0x900n));
    expect(progress(host)).toEqual([0x900n]);
  });

  it('is delivered at the end of an empty transaction, which is not acknowledged', () => {
    const { receive, host } = consumers();
    receive(RELATION, ...transactionFrames(0x200n, 0), buildKeepalive(computeEnd(0x200n)));
    expect(progress(host)).toEqual([computeEnd(0x200n)]);
  });

  it('is not delivered without confirmation', () => {
    const { receive, host, pass } = consumers({ confirm: false });
    receive(buildKeepalive(0x100n, true));
    pass(5000);
    receive(buildKeepalive(0x200n, true));
    expect([progress(host), host.kinds]).toEqual([[], ['keepalive', 'keepalive']]);
    ackAll(host);
    expect(host.statuses.every(({ flushed }) => flushed === 0n)).toBe(true);
  });

  it('is not delivered if the slot holds the position', () => {
    const { receive, host } = createSession();
    receive(buildKeepalive(0x100n, true));
    expect([progress(host), host.statuses.at(-1)?.flushed]).toEqual([[], 0x100n]);
  });
});

describe('the slot, if the consumer owns the position', () => {
  it('is not moved by an unacknowledged keepalive, which still counts as received', () => {
    const { session, receive, host, pass } = consumers();
    for (const walEnd of [0x100n, 0x200n, 0x300n]) {
      receive(buildKeepalive(walEnd, true));
      pass(5000);
      session.tick(5000);
    }
    expect(host.statuses.at(-1)).toMatchObject({ written: 0x300n, flushed: 0n, applied: 0n });
    expect(host.statuses.every(({ flushed }) => flushed === 0n)).toBe(true);
  });

  it('moves to a keepalive once that is acknowledged, and this is reported immediately', () => {
    const { receive, host } = consumers();
    receive(buildKeepalive(0x100n, true));
    host.time += 1000;
    ackAll(host);
    expect(host.statuses.at(-1)).toMatchObject({ written: 0x100n, flushed: 0x100n, at: 1000 });
  });

  it('waits for deliveries before an acknowledged keepalive', () => {
    const { receive, host } = consumers();
    receive(RELATION, ...transactionFrames(0x100n), buildKeepalive(0x900n));
    host.time += 1000;
    host.delivered.at(-1)?.ack();
    expect(host.statuses.at(-1)?.flushed).toBe(0n);
    ackAll(host);
    expect(host.statuses.at(-1)?.flushed).toBe(0x900n);
  });

  it('is not moved by dropped messages, nor by an empty transaction', () => {
    const { receive, host } = consumers();
    receive(buildXlogData(buildLogicalMessage({ transactional: false, lsn: 0x80n })));
    for (const message of host.delivered) Delivery.discard(message);
    receive(RELATION, ...transactionFrames(0x100n, 0));
    host.time += 1000;
    receive(buildKeepalive(0x200n, true));
    expect(host.statuses.every(({ flushed }) => flushed === 0n)).toBe(true);
    host.time += 1000;
    host.delivered.at(-1)?.ack();
    expect(host.statuses.at(-1)?.flushed).toBe(0x200n);
  });

  it('is not moved to the stop position', () => {
    const { receive, host } = consumers();
    host.onDeliver = (message) => {
      if (message.kind === 'keepalive') stopAfter(message, 0x280n);
      return true;
    };
    receive(RELATION, ...transactionFrames(0x100n), buildKeepalive(0x300n));
    for (const message of host.delivered.slice(0, -1)) message.ack();
    expect(host.happened).toContain('copyDone');
    expect(host.statuses.at(-1)).toMatchObject({ written: 0x300n, flushed: computeEnd(0x100n) });
  });

  it('after a stop still moves to earlier progress that is acknowledged', () => {
    const { session, receive, host } = consumers();
    const deliveries: (() => boolean)[] = [];
    host.onDeliver = (message) => {
      const delivery = new LedgerDelivery();
      Delivery.attachGroup(message, delivery);
      deliveries.push(delivery.ack);
      return true;
    };
    receive(buildKeepalive(0x100n));
    session.stop();
    expect(host.happened).not.toContain('copyDone');
    host.time += 1000;
    expect(deliveries.map((acknowledge) => acknowledge())).toEqual([true]);
    expect(host.happened.slice(-3)).toEqual(['closing', 'status', 'copyDone']);
    expect(host.statuses.at(-1)?.flushed).toBe(0x100n);
  });

  it('is not moved by a keepalive that is acknowledged after the end', () => {
    const { session, receive, host } = consumers();
    receive(buildKeepalive(0x100n));
    session.close();
    expect(ackAll(host)).toEqual([false]);
    expect(host.statuses.every(({ flushed }) => flushed === 0n)).toBe(true);
  });
});
