import { map, NEVER, Subject, throwError } from 'rxjs';
import type { Acknowledgeable } from '../../../lib/ledger/acknowledgement';
import { ackAfter } from '../../../lib/operators/ack-after/ack-after';
import { transactions, type TransactionOf } from '../../../lib/operators/transactions/transactions';
import type { AnyReplicationMessage } from '../../../lib/pgoutput/messages/messages';
import { buildInsert, buildRelation, buildStreamCommit } from '../../../lib/testing/payloads';
import { firstBlock } from '../../pgoutput/support/blocks';
import { decodeAny } from '../../pgoutput/support/decode';
import { record } from '../../support/streaming';
import { Spools } from '../support/spools';

let spools: Spools;

beforeEach(() => {
  spools = new Spools();
});

afterEach(() => {
  spools.end();
});

const MESSAGES = decodeAny(
  [1, 2, 3].flatMap((id) => [
    ...firstBlock(id, buildRelation(), buildInsert([String(id), 'x'])),
    buildStreamCommit({ xid: id }),
  ]),
);

/** Delivers three spooled transactions. */
function deliver(project: (tx: TransactionOf<AnyReplicationMessage>) => unknown) {
  const source = new Subject<AnyReplicationMessage>();
  const heard = record(
    source.pipe(transactions({ ...spools.options, includeNonTransactionalMessages: false }), ackAfter(project)),
  );
  for (const message of MESSAGES) source.next(message);
  return { heard, source };
}

describe('ackAfter leaves no spool file open, and does not rely on garbage collection', () => {
  it.each<[what: string, project: () => unknown]>([
    [
      'a work that throws',
      () => {
        throw new Error('poison');
      },
    ],
    ['work that fails at once', () => throwError(() => new Error('poison'))],
    ['work that ends at once', () => undefined],
  ])('after %s', (_, project) => {
    deliver(project);
    expect([spools.made > 0, spools.open]).toEqual([true, []]);
  });

  it('after work that rejects', async () => {
    deliver(() => Promise.reject(new Error('poison')));
    await Promise.resolve();
    await Promise.resolve();
    expect(spools.open).toEqual([]);
  });

  it('when it is unsubscribed: of waiting values, and of work that can be cancelled', () => {
    const { heard } = deliver(() => NEVER);
    expect(spools.open).toHaveLength(1);
    heard.subscription.unsubscribe();
    expect(spools.open).toEqual([]);
  });

  it('when work unsubscribes, and has nothing to wait for', () => {
    const source = new Subject<AnyReplicationMessage>();
    const heard = record(
      source.pipe(
        transactions(spools.options),
        ackAfter(() => {
          heard.subscription.unsubscribe();
        }),
      ),
    );
    for (const message of MESSAGES) source.next(message);
    expect([spools.made, spools.open]).toEqual([1, []]);
  });

  it('when it receives a value that cannot be acknowledged, in an array with one that can', () => {
    const source = new Subject<AnyReplicationMessage>();
    const bad = map((tx: object) => [tx, {}] as unknown as Acknowledgeable[]);
    const heard = record(
      source.pipe(
        transactions(spools.options),
        bad,
        ackAfter(() => NEVER),
      ),
    );
    for (const message of MESSAGES) source.next(message);
    expect([heard.error, spools.made, spools.open]).toMatchObject([{ code: 'CONFIG_INVALID' }, 1, []]);
  });

  it('when the stream fails: running work keeps its file until it has ended', async () => {
    let finish: () => void = () => undefined;
    const read: number[] = [];
    const { source } = deliver(async (tx) => {
      await new Promise<void>((resolve) => (finish = resolve));
      read.push('size' in tx ? [...tx].length : 0);
    });
    source.error(new Error('lost'));
    expect(spools.open).toHaveLength(1);
    finish();
    await new Promise(setImmediate);
    expect([read, spools.open]).toEqual([[1], []]);
  });
});
