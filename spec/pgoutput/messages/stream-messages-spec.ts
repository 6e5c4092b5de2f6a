import { inspect } from 'node:util';
import { COMMIT_TIME } from '../../../lib/testing/defaults';
import {
  buildBeginPrepare,
  buildCommitPrepared,
  buildDelete,
  buildInsert,
  buildLogicalMessage,
  buildPrepare,
  buildRelation,
  buildRollbackPrepared,
  buildStreamAbort,
  buildStreamCommit,
  buildStreamPrepare,
  buildTruncate,
  UNCHANGED,
  buildUpdate,
} from '../../../lib/testing/payloads';
import { captureError } from '../../support/capture-error';
import { firstBlock } from '../support/blocks';
import { decodeAny } from '../support/decode';

const time = COMMIT_TIME.toISOString();
const gid = 'order 7';

/** One of every kind, in a possible order of a stream. */
const messages = decodeAny([
  ...firstBlock(
    700,
    buildRelation(),
    buildInsert(['1', 'a']),
    [701, buildUpdate(['2', UNCHANGED], { key: ['1', null] })],
    buildDelete({ old: ['2', 'b'] }),
    buildTruncate(),
    buildLogicalMessage({ content: 'ab' }),
  ),
  buildStreamAbort({ subxid: 701 }),
  buildStreamAbort({ subxid: 702, abortLsn: 0x1_0000_0000n }),
  buildStreamCommit({ commitLsn: 0x300n }),
  ...firstBlock(800),
  buildStreamPrepare({ xid: 800, gid }),
  buildBeginPrepare({ gid }),
  buildPrepare({ gid }),
  buildCommitPrepared({ gid }),
  buildRollbackPrepared({ gid }),
]).filter(({ kind }) => kind !== 'relation');

const prepared = { gid, xid: 700, prepareLsn: '0/100', endLsn: '0/130', prepareTime: time };
const change = { schema: 'public', table: 'users' };

const JSONS: Record<string, unknown>[] = [
  { kind: 'streamStart', xid: 700, first: true },
  { kind: 'insert', ...change, xid: 700, new: { id: 1, name: 'a' }, unchanged: [] },
  { kind: 'update', ...change, xid: 701, new: { id: 2 }, key: { id: 1 }, unchanged: ['name'] },
  { kind: 'delete', ...change, xid: 700, old: { id: 2, name: 'b' } },
  { kind: 'truncate', tables: ['users'], xid: 700, cascade: false, restartIdentity: false },
  {
    kind: 'message',
    transactional: true,
    lsn: '0/90',
    prefix: 'spec',
    content: { type: 'Buffer', data: [97, 98] },
    xid: 700,
  },
  { kind: 'streamStop', xid: 700 },
  { kind: 'streamAbort', xid: 700, subxid: 701 },
  { kind: 'streamAbort', xid: 700, subxid: 702, abortLsn: '1/0', abortTime: time },
  { kind: 'streamCommit', xid: 700, commitLsn: '0/300', endLsn: '0/330', commitTime: time },
  { kind: 'streamStart', xid: 800, first: true },
  { kind: 'streamStop', xid: 800 },
  { kind: 'streamPrepare', ...prepared, xid: 800 },
  { kind: 'beginPrepare', ...prepared },
  { kind: 'prepare', ...prepared },
  { kind: 'commitPrepared', gid, xid: 700, commitLsn: '0/200', endLsn: '0/230', commitTime: time },
  {
    kind: 'rollbackPrepared',
    gid,
    xid: 700,
    prepareEndLsn: '0/130',
    endLsn: '0/230',
    prepareTime: time,
    rollbackTime: time,
  },
];

const each = messages.map((message, at) => [message.kind, message, JSONS[at] ?? {}] as const);

it('there is one of every kind', () => {
  expect(messages).toHaveLength(JSONS.length);
});

describe.each(each)('%s', (_, message, json) => {
  it('has a JSON form with all its data, starting with the kind, and LSNs as X/Y', () => {
    const text = JSON.stringify(message);
    expect(JSON.parse(text)).toStrictEqual(json);
    expect(text.startsWith(`{"kind":"${message.kind}",`)).toBe(true);
  });

  it('prints its class and members with console.log, and LSNs as X/Y', () => {
    const shown = inspect(message, { breakLength: Infinity, depth: 9 });
    expect(shown).toMatch(new RegExp(`^[A-Z]\\w+Message \\{ kind: '${message.kind}', `));
    for (const [name, value] of Object.entries(json)) {
      expect(shown).toContain(`${name}: `);
      if (typeof value === 'number') expect(shown).toContain(`${name}: ${value}`);
      if (/Lsn$|^lsn$/.test(name)) expect(shown).toContain(`${name}: '${String(value)}'`);
    }
    expect(shown).not.toMatch(/\d+n\b/);
  });

  it('can be acknowledged without a session, and has no checkpoint then', () => {
    const { ack } = message;
    expect([ack(), ack()]).toEqual([true, true]);
    const ends = message.kind === 'message' || 'endLsn' in json;
    if (!ends || message.kind === 'beginPrepare') expect('checkpoint' in message).toBe(false);
    else
      expect(captureError(() => 'checkpoint' in message && message.checkpoint)).toMatchObject({ code: 'NOT_STREAMED' });
  });
});

it('a change that was not streamed has no property xid', () => {
  const [, , one] = decodeAny([buildBeginPrepare(), buildRelation(), buildInsert(['1', 'a'])]);
  expect(Object.keys(one ?? {})).not.toContain('xid');
  expect(inspect(one)).not.toContain('xid');
});
