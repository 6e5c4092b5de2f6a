import { bufferCount, concatMap, delayWhen, filter, from, map, mergeMap, of, timer, type OperatorFunction } from 'rxjs';
import { ackAfter } from '../../lib/operators/ack-after/ack-after';
import { reconnect } from '../../lib/operators/reconnect/reconnect';
import type { Transaction } from '../../lib/operators/transactions/transaction';
import { transactions } from '../../lib/operators/transactions/transactions';
import { Clock } from '../support/clock';
import { FakeBackend, transaction } from '../support/fake-backend';
import { record, streaming } from '../support/streaming';

const tx = (xid: number) => transaction({ xid, commitLsn: BigInt(xid) * 0x100n, rows: [`row ${xid}`, 'another'] });

let clock: Clock;
let server: FakeBackend;
let warned: string[];

beforeEach(() => {
  clock = new Clock();
  server = new FakeBackend(clock);
  warned = [];
  jest.spyOn(Math, 'random').mockReturnValue(1);
  jest.spyOn(process, 'emitWarning').mockImplementation((text, options) => {
    if (typeof options === 'object' && options.code === 'RXPG_TRANSACTION_DROPPED') warned.push(String(text));
  });
});

afterEach(() => jest.restoreAllMocks());

/** Commits some transactions, closes the connection, and commits others; waits for all of them. */
function run(handle: OperatorFunction<Transaction, unknown>, startLsn?: () => string): void {
  const { subscription } = record(
    streaming(server, startLsn && { startLsn }).pipe(
      transactions(),
      handle,
      reconnect({ initialDelay: 10, scheduler: clock }),
    ),
  );
  clock.advance();
  server.commit(tx(1), tx(2), tx(3));
  clock.advance(5000);
  server.last.close(new Error('reset'));
  clock.advance(1000);
  server.commit(tx(4), tx(5));
  clock.advance(5000);
  subscription.unsubscribe();
  clock.advance(10);
  expect(clock.pending).toBe(0);
}

describe('the process is warned once, with a remedy,', () => {
  it.each<[what: string, handle: OperatorFunction<Transaction, unknown>]>([
    [
      'under ackAfter',
      (source) =>
        source.pipe(
          mergeMap((tx) => tx.changes),
          ackAfter((change) => [change.ordinal]),
        ),
    ],
    [
      'that are acknowledged by hand',
      (source) =>
        source.pipe(
          mergeMap((tx) => tx.changes),
          map((change) => change.ack()),
        ),
    ],
    [
      'in arrays, of which some are dropped',
      (source) =>
        source.pipe(
          concatMap((tx) => tx.changes),
          filter((change) => change.ordinal === 0),
          bufferCount(2),
          ackAfter((changes) => [changes.length]),
        ),
    ],
  ])('of changes that are separated from their transaction, %s', (_, handle) => {
    run(handle);
    expect(warned).toEqual([expect.stringContaining('ackAfter(async (tx) => { for (const change of tx)')]);
    expect(server.slot().confirmed).toBe(0x80n);
  });

  it('of transactions that a filter drops', () => {
    run((source) =>
      source.pipe(
        filter(({ xid }) => xid % 2 === 0),
        ackAfter(({ xid }) => [xid]),
      ),
    );
    expect(warned).toEqual([expect.stringContaining('choose inside the work')]);
    expect(server.slot().confirmed).toBe(0x80n);
  });

  it('of progress transactions that a filter drops, with a stored position', () => {
    const { subscription } = record(
      streaming(server, { startLsn: () => '0/80' }).pipe(
        transactions(),
        filter(({ kind }) => kind === 'transaction'),
        ackAfter(({ xid }) => [xid]),
      ),
    );
    clock.advance();
    server.last.keepalive(0x90n);
    server.commit(tx(1));
    clock.advance(5000);
    expect(warned).toEqual([expect.stringContaining('choose inside the work')]);
    subscription.unsubscribe();
  });
});

describe('no warning is issued', () => {
  it.each<[what: string, handle: OperatorFunction<Transaction, unknown>]>([
    ['where ackAfter receives all of them', ackAfter(({ xid }) => [xid])],
    ['where the work ends in another order', ackAfter(({ xid }) => timer(5000 - xid * 900, clock), 4)],
    [
      'where they come in arrays',
      (source) =>
        source.pipe(
          bufferCount(5),
          ackAfter((all) => [all.length]),
        ),
    ],
    [
      'where another operator lets a later one overtake, for less than a second',
      (source) =>
        source.pipe(
          delayWhen(({ xid }) => timer(xid === 1 ? 900 : 0, clock)),
          ackAfter(({ xid }) => [xid]),
        ),
    ],
    [
      'where each is acknowledged after its changes',
      (source) =>
        source.pipe(
          map((tx) => {
            for (const change of tx) change.ack();
            return tx.ack();
          }),
        ),
    ],
    [
      'where works acknowledge changes before their transaction',
      ackAfter((tx) => from(tx.changes).pipe(concatMap((change) => timer(800, clock).pipe(map(() => change.ack()))))),
    ],
    [
      'where they are acknowledged by hand, in another order',
      (source) => source.pipe(mergeMap((tx) => timer(5000 - tx.xid * 900, clock).pipe(map(() => tx.ack())))),
    ],
    [
      'where they are dropped and acknowledged',
      (source) =>
        source.pipe(
          filter((tx) => tx.xid % 2 === 0 || !tx.ack()),
          ackAfter(({ xid }) => of(xid)),
        ),
    ],
  ])('%s', (_, handle) => {
    run(handle);
    expect(warned).toEqual([]);
    expect(server.slot().confirmed).toBe(0x530n);
  });
});
