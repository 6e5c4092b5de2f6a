import { inspect } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { concat, from, of, Subject, take, throwError } from 'rxjs';
import type { Transaction } from '../../../lib/operators/transactions/transaction';
import { transactions } from '../../../lib/operators/transactions/transactions';
import type { AnyReplicationMessage } from '../../../lib/pgoutput/messages/messages';
import {
  buildCommitPrepared,
  buildInsert,
  buildLogicalMessage,
  buildRelation,
  buildRollbackPrepared,
  buildStreamAbort,
  buildStreamCommit,
  buildStreamPrepare,
  buildTruncate,
} from '../../../lib/testing/payloads';
import { block, firstBlock } from '../../pgoutput/support/blocks';
import { decodeAny } from '../../pgoutput/support/decode';
import { record } from '../../support/streaming';
import { captureError } from '../../support/capture-error';
import { files, Spools } from '../support/spools';
import { assemble, group, asWholeTransaction } from '../support/streamed';

const row = (id: number, text = `row ${id}`): Buffer => buildInsert([String(id), text]);
const rows = (count: number): Buffer[] => Array.from({ length: count }, (_, id) => row(id));

let spools: Spools;

beforeEach(() => {
  spools = new Spools();
});

afterEach(() => {
  spools.end();
});

/** The one Transaction of these payloads, from a spool file. */
function spooled(...payloads: Buffer[]): Transaction {
  const [unit] = group([...firstBlock(700, buildRelation(), ...payloads), buildStreamCommit()], spools.options);
  if (!unit) throw new Error('Expected a transaction');
  expect(spools.open).toHaveLength(1);
  return unit;
}

describe('a transaction of more than maxBytes', () => {
  it('is kept in an unlinked file, and smaller ones are not', () => {
    const source = new Subject<AnyReplicationMessage>();
    const heard = record(source.pipe(transactions({ maxBytes: 20_000, spoolDirectory: spools.folder })));
    const messages = decodeAny([
      ...firstBlock(700, buildRelation(), ...rows(10)),
      ...firstBlock(800, buildRelation(), ...rows(2000)),
      buildStreamCommit({ xid: 700 }),
      buildStreamCommit({ xid: 800 }),
    ]);
    for (const message of messages.slice(0, -2)) source.next(message);
    expect([spools.made, spools.open.length, spools.visible]).toEqual([1, 1, []]);
    for (const fd of spools.open) {
      const { mode, nlink, size } = files.fstatSync(fd);
      expect([mode & 0o777, nlink]).toEqual([0o600, 0]);
      expect(size).toBeGreaterThan(20_000);
    }
    for (const message of messages.slice(-2)) source.next(message);
    expect(heard.values.map((unit) => 'size' in unit && unit.size)).toEqual([10, 2000]);
    expect(spools.made).toBe(1);
    for (const unit of heard.values) unit.ack();
    expect(spools.open).toEqual([]);
  });

  it('has the same changes as a whole transaction, over many blocks of the file, including one larger than a block', () => {
    const content = [
      ...rows(5000),
      row(1, 'x'.repeat(600_000)),
      buildTruncate(),
      buildLogicalMessage({ content: Buffer.alloc(300_000, 7) }),
      buildRelation({ name: 'people', columns: ['a', 'b'] }),
      ...rows(3000),
    ];
    const [left, right] = [content.slice(0, 4000), content.slice(4000)];
    const payloads = [...firstBlock(700, buildRelation(), ...left), ...block(700, ...right), buildStreamCommit()];
    const whole = asWholeTransaction([buildRelation(), ...content]);
    for (const maxBytes of [0, 1000, 100_000, 700_000]) {
      expect(assemble(payloads, { maxBytes, spoolDirectory: spools.folder })).toStrictEqual([whole]);
    }
    expect(spools.made).toBe(4);
    expect(assemble(payloads, { maxBytes: 10_000_000, spoolDirectory: spools.folder })).toStrictEqual([whole]);
    expect(spools.made).toBe(4);
  });

  it('is read in blocks of the usual size again after a change larger than a block', () => {
    const unit = spooled(...rows(100), row(1, 'x'.repeat(2_000_000)), ...rows(20_000));
    const reads = jest.spyOn(files, 'readSync');
    expect([...unit]).toHaveLength(20_101);
    const sizes = reads.mock.calls.map(([, into]) => into.byteLength);
    expect(sizes.filter((size) => size > 256 * 1024)).toEqual([expect.any(Number)]);
    expect(Math.max(...sizes)).toBeLessThan(2_001_000);
    unit.ack();
  });

  it('excludes what was aborted before or after it was written', () => {
    const payloads = [
      ...firstBlock(700, buildRelation(), row(1), [701, row(2)]),
      buildStreamAbort({ subxid: 701 }),
      ...block(700, ...rows(1000), [702, row(3)], [703, row(4)]),
      buildStreamAbort({ subxid: 703 }),
      buildStreamCommit(),
    ];
    expect(assemble(payloads, spools.options)).toEqual([
      asWholeTransaction([buildRelation(), row(1), ...rows(1000), row(3)]),
    ]);
  });

  it('shares a file with others', () => {
    const payloads = [
      ...firstBlock(700, buildRelation(), row(1)),
      ...firstBlock(800, buildRelation(), row(2)),
      ...block(700, row(3)),
      ...block(800, row(4)),
      buildStreamPrepare({ xid: 800 }),
      buildStreamCommit({ xid: 700 }),
    ];
    const units = assemble(payloads, spools.options);
    expect(units.map(({ changes }) => changes?.map((change) => 'new' in change && change.new['id']))).toEqual([
      [2, 4],
      [1, 3],
    ]);
    expect([spools.made, spools.visible]).toEqual([1, []]);
  });

  it('is inspected without its changes, until they are in memory', () => {
    const unit = spooled(row(1));
    expect(JSON.parse(JSON.stringify(unit))).toEqual({
      kind: 'transaction',
      xid: 700,
      commitLsn: '0/100',
      endLsn: '0/130',
      commitTime: expect.any(String) as string,
      size: 1,
    });
    expect(inspect(unit)).not.toContain('changes');
    expect(unit.changes).toHaveLength(1);
    expect(JSON.parse(JSON.stringify(unit))).toMatchObject({ changes: [{ kind: 'insert' }] });
    expect(inspect(unit)).toContain('changes');
    unit.ack();
  });
});

describe('a spooled transaction', () => {
  it('can be read any number of times, concurrently', () => {
    const unit = spooled(...rows(3000));
    const first = [...unit];
    expect([...unit]).toStrictEqual(first);
    const [one, other] = [unit[Symbol.iterator](), unit[Symbol.iterator]()];
    for (const change of first) expect([one.next().value, other.next().value]).toStrictEqual([change, change]);
    expect([one.next().done, other.next().done]).toEqual([true, true]);
    unit.ack();
    expect(spools.open).toEqual([]);
  });

  it('is read completely by an iteration that has started before the acknowledgement, and by no other', () => {
    const unit = spooled(...rows(3000));
    let count = 0;
    for (const change of unit) {
      expect(change).toMatchObject({ ordinal: count++ });
      if (count === 10) expect(unit.ack()).toBe(true);
      if (count >= 10) expect(spools.open).toHaveLength(1);
    }
    expect([count, spools.open]).toEqual([3000, []]);
    const released = { code: 'CHANGES_RELEASED', retryable: false };
    expect(captureError(() => [...unit])).toMatchObject(released);
    expect(captureError(() => unit.changes)).toMatchObject(released);
    expect(captureError(() => unit[Symbol.iterator]().next())).toMatchObject(released);
    expect([unit.size, JSON.stringify(unit).includes('"size":3000')]).toEqual([3000, true]);
    expect(inspect(unit)).toContain('size: 3000');
  });

  it('is released when all iterations that have started have stopped', () => {
    const unit = spooled(...rows(10));
    const [one, other] = [unit[Symbol.iterator](), unit[Symbol.iterator]()];
    one.next();
    other.next();
    unit.ack();
    one.return?.();
    expect(spools.open).toHaveLength(1);
    other.return?.();
    expect(spools.open).toEqual([]);
    expect(unit.ack()).toBe(true);
    expect(one.next()).toEqual({ done: true, value: undefined });
  });

  it('is released by an iteration that breaks off or throws after the acknowledgement', () => {
    const unit = spooled(...rows(10));
    for (const change of unit) {
      expect(change.ordinal).toBe(0);
      unit.ack();
      break;
    }
    expect(spools.open).toEqual([]);
    const other = spooled(...rows(10));
    expect(() => {
      for (const change of other) {
        other.ack();
        throw new Error(`of the work at ${change.ordinal}`);
      }
    }).toThrow('of the work at 0');
    expect(spools.open).toEqual([]);
  });

  it('may be read after the acknowledgement if it was converted to an array before, or never spooled', () => {
    const unit = spooled(...rows(10));
    const { changes } = unit;
    unit.ack();
    expect(spools.open).toEqual([]);
    expect([[...unit], unit.changes]).toEqual([changes, changes]);
    const [small] = group([...firstBlock(700, buildRelation(), row(1)), buildStreamCommit()]);
    small?.ack();
    expect(small?.changes).toHaveLength(1);
  });

  it('that is not acknowledged is closed when it is garbage-collected', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage: () => void = runInNewContext('gc');
    // In a separate function, so that no reference to it is on the stack.
    ((): void => {
      expect([...spooled(row(1))]).toHaveLength(1);
    })();
    for (let turn = 0; turn < 50 && spools.open.length > 0; turn++) {
      collectGarbage();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(spools.open).toEqual([]);
  });
});

describe('no file is left', () => {
  const half = firstBlock(700, buildRelation(), ...rows(2000));
  const failed = throwError(() => new Error('lost'));

  it('of a transaction that was aborted as a whole', () => {
    const source = new Subject<AnyReplicationMessage>();
    const heard = record(source.pipe(transactions(spools.options)));
    const messages = decodeAny([...half, buildStreamAbort({ subxid: 701 }), buildStreamAbort()]);
    for (const message of messages.slice(0, -1)) source.next(message);
    expect(spools.open).toHaveLength(1);
    source.next(messages.at(-1)!);
    expect(spools.open).toEqual([]);
    heard.subscription.unsubscribe();
  });

  it.each([
    ['committed', buildCommitPrepared()],
    ['rolled back', buildRollbackPrepared()],
  ])('of a transaction that was prepared in an earlier session, is sent again in blocks, and is %s', (_, end) => {
    const source = new Subject<AnyReplicationMessage>();
    const heard = record(source.pipe(transactions(spools.options)));
    const messages = decodeAny([...half, end]);
    for (const message of messages.slice(0, -1)) source.next(message);
    expect(spools.open).toHaveLength(1);
    source.next(messages.at(-1)!);
    expect([heard.values.length, spools.open]).toEqual([1, []]);
  });

  it('of a transaction without remaining changes', () => {
    const payloads = [...firstBlock(700, buildRelation(), ...rows(2000).map((one) => [701, one] as const))];
    expect(assemble([...payloads, buildStreamAbort({ subxid: 701 }), buildStreamCommit()], spools.options)).toEqual([]);
    expect([spools.made, spools.open]).toEqual([1, []]);
  });

  it.each<[how: string, end: (messages: AnyReplicationMessage[]) => void]>([
    ['completes', (messages) => record(from(messages).pipe(transactions(spools.options)))],
    ['fails', (messages) => record(concat(from(messages), failed).pipe(transactions(spools.options)))],
    [
      'is unsubscribed from',
      (messages) => {
        const source = new Subject<AnyReplicationMessage>();
        const heard = record(source.pipe(transactions(spools.options)));
        for (const message of messages) source.next(message);
        expect(spools.open).toHaveLength(1);
        heard.subscription.unsubscribe();
      },
    ],
    [
      'is cut short by take() in the middle of it',
      (messages) => {
        const whole = decodeAny([...firstBlock(5, buildRelation(), row(1)), buildStreamCommit({ xid: 5 })]);
        const grouping = transactions<AnyReplicationMessage>(spools.options);
        record(from([...messages, ...whole]).pipe(grouping, take(1)), (unit) => unit.ack());
      },
    ],
  ])('when the stream %s', (_, end) => {
    end(decodeAny([...half, ...firstBlock(800, buildRelation(), ...rows(2000))]));
    expect([spools.open, spools.visible]).toEqual([[], []]);
    expect(spools.made).toBe(1);
  });
});

it('each of several subscriptions has its own file', () => {
  const source = of(...decodeAny([...firstBlock(700, buildRelation(), row(1)), buildStreamCommit()]));
  const grouping = source.pipe(transactions(spools.options));
  const [one, other] = [record(grouping).values[0], record(grouping).values[0]];
  one?.ack();
  expect(spools.open).toHaveLength(1);
  expect(other).toMatchObject({ changes: [{ new: { id: 1 } }] });
  other?.ack();
  expect([spools.made, spools.open]).toEqual([2, []]);
});
