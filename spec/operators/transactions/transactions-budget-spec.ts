import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Subject } from 'rxjs';
import { transactions } from '../../../lib/operators/transactions/transactions';
import { PgoutputDecoder } from '../../../lib/pgoutput/decode/decoder';
import { defaultTypes } from '../../../lib/pgoutput/values/values';
import type { AnyReplicationMessage } from '../../../lib/pgoutput/messages/messages';
import {
  buildInsert,
  buildRelation,
  buildStreamAbort,
  buildStreamCommit,
  buildStreamPrepare,
} from '../../../lib/testing/payloads';
import { block, firstBlock } from '../../pgoutput/support/blocks';
import { record } from '../../support/streaming';
import { files, Spools } from '../support/spools';

const KB = 1024;
const MAX_BYTES = 1024 * KB;
/** The size of reads and writes. */
const BLOCK = 256 * KB;
/** An allowance for messages in transit, and other small objects. */
const SLACK = 256 * KB;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

let spools: Spools;

beforeEach(() => {
  spools = new Spools();
});

afterEach(() => {
  spools.end();
});

/** transactions() over a stream whose messages are released one by one, and the bytes of the buffers that it keeps. */
function gathering(maxBytes = MAX_BYTES) {
  const decoder = new PgoutputDecoder(defaultTypes);
  const source = new Subject<AnyReplicationMessage>();
  const grouping = transactions<AnyReplicationMessage>({ maxBytes, spoolDirectory: spools.folder });
  const { values, subscription } = record(source.pipe(grouping));
  const send = (...payloads: readonly Buffer[]): void => {
    for (const payload of payloads) source.next(decoder.decode(payload, 0, payload.length));
  };
  collectGarbage();
  const before = process.memoryUsage().arrayBuffers;
  const kept = (): number => {
    // The second one waits until the memory of the first one is freed.
    collectGarbage();
    collectGarbage();
    return process.memoryUsage().arrayBuffers - before;
  };
  return { send, values, kept, subscription };
}

const row = (id: number, size = 10_000): Buffer => buildInsert([String(id), 'x'.repeat(size)]);
const rows = (count: number, size?: number): Buffer[] => Array.from({ length: count }, (_, id) => row(id, size));
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

it('maxBytes limits the memory of all open transactions together', () => {
  const { send, values, kept, subscription } = gathering();
  const xids = numbers(50);
  for (const xid of xids) send(...firstBlock(xid, buildRelation(), ...rows(10)));
  for (const xid of xids) send(...block(xid, ...rows(40)));
  // 25 MB in all, with no transaction larger than maxBytes.
  expect(kept()).toBeLessThan(MAX_BYTES + BLOCK + SLACK);
  expect(spools.open).toHaveLength(1);
  for (const xid of xids) {
    send(buildStreamCommit({ xid }));
    const unit = values.at(-1)!;
    expect('changes' in unit && unit.changes.map((change) => 'new' in change && change.new['id'])).toEqual([
      ...rows(10).keys(),
      ...rows(40).keys(),
    ]);
    unit.ack();
    values.length = 0;
  }
  expect(spools.open).toEqual([]);
  subscription.unsubscribe();
});

it('limits thousands of tiny ones, too, and uses one file descriptor for all of them', () => {
  const { send, values, kept, subscription } = gathering(0);
  const xids = numbers(1000);
  for (const xid of xids) send(...firstBlock(xid, buildRelation(), row(xid, 10)));
  expect(kept()).toBeLessThan(BLOCK + SLACK);
  expect([spools.made, spools.open.length]).toEqual([1, 1]);
  for (const xid of xids) send(...block(xid, row(-xid, 10)));
  expect(kept()).toBeLessThan(BLOCK + SLACK);
  for (const xid of xids) send(xid % 2 === 0 ? buildStreamAbort({ xid, subxid: xid }) : buildStreamCommit({ xid }));
  expect(values).toHaveLength(500);
  for (const unit of values) {
    const xid = 'xid' in unit ? unit.xid : undefined;
    expect('changes' in unit && unit.changes).toMatchObject([{ new: { id: xid } }, { new: { id: -Number(xid) } }]);
    unit.ack();
  }
  expect([spools.made, spools.open]).toEqual([1, []]);
  subscription.unsubscribe();
});

it('spools the largest first: small ones stay in memory', () => {
  const { send, values, subscription } = gathering();
  send(...firstBlock(1, buildRelation(), ...rows(1)));
  for (const xid of [2, 3, 4]) send(...firstBlock(xid, buildRelation(), ...rows(40)));
  expect(spools.open).toHaveLength(1);
  send(buildStreamCommit({ xid: 1 }));
  const reads = jest.spyOn(files, 'readSync');
  expect([...(values[0] as Iterable<unknown>)]).toHaveLength(1);
  expect(reads).not.toHaveBeenCalled();
  subscription.unsubscribe();
  expect(spools.open).toEqual([]);
});

it('counts prepared transactions until they are acknowledged', () => {
  const { send, values, kept, subscription } = gathering();
  const xids = numbers(30);
  for (const xid of xids) {
    send(...firstBlock(xid, buildRelation(), ...rows(50)), buildStreamPrepare({ xid, gid: `gid ${xid}` }));
  }
  expect(values).toHaveLength(30);
  expect(kept()).toBeLessThan(MAX_BYTES + BLOCK + SLACK);
  for (const unit of values) {
    expect([...(unit as Iterable<unknown>)]).toHaveLength(50);
    unit.ack();
  }
  expect(spools.open).toEqual([]);
  // Their memory is available for others.
  const writes = jest.spyOn(files, 'writeSync');
  send(...firstBlock(100, buildRelation(), ...rows(40)));
  expect(writes).not.toHaveBeenCalled();
  subscription.unsubscribe();
});

it('does not count committed, aborted or half-received transactions', () => {
  const { send, values, kept, subscription } = gathering();
  const writes = jest.spyOn(files, 'writeSync');
  for (const xid of numbers(60)) {
    send(...firstBlock(xid, buildRelation(), ...rows(50)));
    send(xid % 2 === 0 ? buildStreamCommit({ xid }) : buildStreamAbort({ xid, subxid: xid }));
  }
  expect([values.length, writes.mock.calls.length]).toEqual([30, 0]);
  values.length = 0;
  expect(kept()).toBeLessThan(MAX_BYTES);
  subscription.unsubscribe();
});
