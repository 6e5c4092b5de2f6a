import { bufferCount, filter, NEVER, take, toArray, type MonoTypeOperatorFunction, type OperatorFunction } from 'rxjs';
import { ackAfter } from '../../../lib/operators/ack-after/ack-after';
import { reconnect } from '../../../lib/operators/reconnect/reconnect';
import { stopOn } from '../../../lib/operators/stop-on';
import { transactions, type TransactionOf } from '../../../lib/operators/transactions/transactions';
import type { AnyReplicationMessage } from '../../../lib/pgoutput/messages/messages';
import { buildInsert, buildRelation, buildStreamCommit, buildStreamPrepare } from '../../../lib/testing/payloads';
import { firstBlock } from '../../pgoutput/support/blocks';
import { Clock, microtasks } from '../../support/clock';
import { FakeBackend } from '../../support/fake-backend';
import { record, streamingAny } from '../../support/streaming';
import { captureError } from '../../support/capture-error';
import { Spools } from '../support/spools';

type Unit = TransactionOf<AnyReplicationMessage>;

const RELEASED = { code: 'CHANGES_RELEASED' };

let clock: Clock;
let server: FakeBackend;
let spools: Spools;

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
  spools = new Spools();
  jest.spyOn(Math, 'random').mockReturnValue(1);
});

afterEach(() => {
  spools.end();
});

/** Sends spooled transactions with these xids. */
function send(...xids: number[]): void {
  for (const xid of xids) {
    server.last.push(
      ...firstBlock(xid, buildRelation(), buildInsert([String(xid), 'a']), buildInsert([String(xid), 'b'])),
      buildStreamCommit({ xid, commitLsn: BigInt(xid) * 0x100n }),
    );
  }
}

function grouped(config: Parameters<typeof streamingAny>[1] = {}) {
  return streamingAny(server, { streaming: 'on', twoPhase: true, ...config }).pipe(
    transactions({ ...spools.options, includeNonTransactionalMessages: false }),
  );
}

const again = <T>(): MonoTypeOperatorFunction<T> =>
  reconnect<T>({ initialDelay: 10, maxDelay: 10, retryable: () => true, scheduler: clock });

function lose(): void {
  server.last.close(new Error('reset'));
}

function sizeOf(unit: Unit | undefined): number {
  return unit && 'size' in unit ? [...unit].length : NaN;
}

describe('no spool file is open for a transaction that was delivered and not acknowledged', () => {
  it('after its stream has failed', () => {
    const openAtError: number[] = [];
    const { values, subscription } = record(grouped());
    subscription.add(() => openAtError.push(spools.open.length));
    clock.advance();
    send(1, 2);
    expect([values.length, spools.open.length]).toEqual([2, 1]);
    lose();
    expect([openAtError, spools.open]).toEqual([[0], []]);
    expect(values.map((unit) => unit.ack())).toEqual([false, false]);
    expect(captureError(() => sizeOf(values[0]))).toMatchObject(RELEASED);
  });

  it('after it was unsubscribed', () => {
    const { values, subscription } = record(grouped());
    clock.advance();
    send(1);
    subscription.unsubscribe();
    expect([spools.made, spools.open]).toEqual([1, []]);
    expect(captureError(() => sizeOf(values[0]))).toMatchObject(RELEASED);
    clock.advance(100);
    expect(values[0]?.ack()).toBe(false);
  });

  it.each<[how: string, operator: OperatorFunction<Unit, Unit[]>]>([
    [
      'was dropped',
      (source) =>
        source.pipe(
          filter(() => false),
          toArray(),
        ),
    ],
    ['is held in a buffer', bufferCount(5)],
  ])('when it %s between the operators and the session was lost under reconnect', (_, operator) => {
    const { subscription } = record(
      grouped().pipe(
        operator,
        ackAfter(() => NEVER, 1),
        again(),
      ),
    );
    clock.advance();
    send(1);
    expect(spools.open).toHaveLength(1);
    lose();
    clock.advance(100);
    expect([server.connections.length, spools.open]).toEqual([2, []]);
    subscription.unsubscribe();
  });

  it('when it is prepared, and held at the end of the stream', () => {
    const { values, subscription } = record(grouped());
    clock.advance();
    server.last.push(...firstBlock(700, buildRelation(), buildInsert(['1', 'a'])), buildStreamPrepare());
    expect([values[0]?.kind, spools.open.length]).toEqual(['preparedTransaction', 1]);
    subscription.unsubscribe();
    expect(spools.open).toEqual([]);
  });

  it('after the draining session was lost', () => {
    const stop = new AbortController();
    const { values, events } = record(
      streamingAny(server, { streaming: 'on' }).pipe(
        stopOn(stop.signal),
        transactions({ ...spools.options, includeNonTransactionalMessages: false }),
      ),
    );
    clock.advance();
    send(1, 2);
    stop.abort();
    clock.advance(100);
    // While it drains, delivered transactions can be read and acknowledged.
    expect([events.at(-1), spools.open.length, sizeOf(values[0]), values[0]?.ack()]).toEqual(['complete', 1, 2, true]);
    lose();
    clock.advance(100);
    expect([spools.open, values[1]?.ack()]).toEqual([[], false]);
    expect(captureError(() => sizeOf(values[1]))).toMatchObject(RELEASED);
  });
});

describe('a spooled transaction can be read', () => {
  it('completely by an iteration that has started when the stream fails', () => {
    const { values } = record(grouped());
    clock.advance();
    send(1, 2);
    const [begun] = values;
    if (!begun || !('size' in begun)) throw new Error('Expected a transaction');
    const reader = begun[Symbol.iterator]();
    reader.next();
    lose();
    expect(spools.open).toHaveLength(1);
    expect(captureError(() => sizeOf(values[1]))).toMatchObject(RELEASED);
    expect([reader.next().value, reader.next().done]).toMatchObject([{ new: { id: 1 } }, true]);
    expect(spools.open).toEqual([]);
  });

  it('after a stop without confirmation, until it is acknowledged', () => {
    const stop = new AbortController();
    const heard = record(
      streamingAny(server, { streaming: 'on', confirm: false }).pipe(
        stopOn(stop.signal),
        transactions({ ...spools.options, includeNonTransactionalMessages: false }),
        toArray(),
      ),
    );
    clock.advance();
    send(1, 2);
    stop.abort();
    clock.advance(100);
    const [units = []] = heard.values;
    expect(units.map(sizeOf)).toEqual([2, 2]);
    for (const unit of units) unit.ack();
    expect(spools.open).toEqual([]);
  });

  it('by waiting work of ackAfter, although an earlier operator has unsubscribed', async () => {
    const sizes: number[] = [];
    record(
      grouped({ confirm: false }).pipe(
        take(2),
        ackAfter(async (unit) => {
          await microtasks();
          sizes.push(sizeOf(unit));
        }),
      ),
    );
    clock.advance();
    send(1, 2);
    await microtasks();
    await microtasks();
    await microtasks();
    expect([sizes, spools.open]).toEqual([[2, 2], []]);
  });
});

describe('work that is running when its session is lost', () => {
  /** Processes one spooled transaction until it is told to finish. */
  function run() {
    const read: number[] = [];
    let end: (error?: Error) => void = () => undefined;
    const heard = record(
      grouped().pipe(
        ackAfter(async (unit) => {
          await new Promise<void>((resolve, reject) => (end = (error) => (error ? reject(error) : resolve())));
          read.push(sizeOf(unit));
        }),
        again(),
      ),
    );
    clock.advance();
    send(1);
    return { read, heard, end: (error?: Error) => end(error) };
  }

  /** The connection is lost, and the transaction is redelivered. */
  function comeAgain(): void {
    lose();
    clock.advance(100);
    send(1);
  }

  it('reads the original delivery, and the redelivery that it is attached to has no file', async () => {
    const { read, heard, end } = run();
    comeAgain();
    expect([spools.made, spools.open.length]).toEqual([2, 1]);
    end();
    await microtasks();
    expect([read, spools.open, server.connections.length]).toEqual([[2], [], 2]);
    heard.subscription.unsubscribe();
  });

  it('leaves no file of its redeliveries, although each of their sessions is lost in turn', async () => {
    const { read, heard, end } = run();
    comeAgain();
    comeAgain();
    lose();
    expect([spools.made, spools.open.length]).toEqual([3, 1]);
    end();
    await microtasks();
    expect([read, spools.open]).toEqual([[2], []]);
    heard.subscription.unsubscribe();
  });

  it('leaves no file of its redelivery when it fails or is unsubscribed', async () => {
    for (const fails of [true, false]) {
      const { heard, end } = run();
      comeAgain();
      if (!fails) heard.subscription.unsubscribe();
      end(new Error('poison'));
      await microtasks();
      expect(spools.open).toEqual([]);
      heard.subscription.unsubscribe();
      clock.advance(100);
    }
  });
});
