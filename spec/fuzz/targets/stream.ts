import type { PgoutputConfig, PluginConfig } from '../../../lib/config/stream-config';
import type { StreamMessage } from '../../../lib/pgoutput/messages/messages';
import { cstring, i32 } from '../../../lib/testing/bytes';
import { STREAM } from '../../stream/session/support/fake-host';
import {
  buildCommandComplete,
  buildCopyDone,
  buildErrorResponse,
  buildFrame,
  buildKeepalive,
  buildNotice,
  buildNotification,
  buildParameterStatus,
  buildReadyForQuery,
  buildXlogData,
} from '../../../lib/testing/backend-messages';
import {
  buildBeginPrepare,
  buildCommitPrepared,
  buildInsert,
  buildLogicalMessage,
  buildPrepare,
  buildRelation,
  buildRollbackPrepared,
  buildStreamAbort,
  buildStreamCommit,
  buildStreamPrepare,
} from '../../../lib/testing/payloads';
import { firstBlock } from '../../pgoutput/support/blocks';
import type { Parts } from '../case';
import { createChunkings, generateNumbers } from '../chunking';
import { correctLength } from '../frames';
import { expectSame, replicationError, describeOutcome } from '../outcome';
import { greetingOf, PGOUTPUT, play, RAW, type Handler, type Played } from '../playback';
import { BrokenRule, type Target } from '../target';

const INTERLUDES: Parts = [
  ...STREAM.slice(0, 4),
  buildNotice({}),
  buildParameterStatus('TimeZone', 'UTC'),
  ...STREAM.slice(4),
  buildNotification('channel', 'payload'),
  buildKeepalive(0x400n),
];
const CLOSING: Parts = [
  ...STREAM,
  buildCopyDone(),
  buildKeepalive(0x500n),
  buildCommandComplete('COPY 0'),
  buildCommandComplete('START_REPLICATION'),
  buildReadyForQuery(),
];
const FAILURES: Parts[] = [
  [...STREAM, buildErrorResponse({ C: '57P01', V: 'FATAL', M: 'terminating connection' })],
  [...STREAM.slice(0, 5), buildNotice({ C: '55000', R: 'LoadPublications', M: 'skipped loading publication' })],
  [...STREAM, buildFrame('R', i32(0)), buildFrame('D', i32(0)), buildFrame('T', cstring(''))],
];
/** Transactions that are open, prepared, and aborted. */
const BLOCKS: Parts = [
  ...firstBlock(700, buildRelation(), buildInsert(['1', 'a']), [701, buildInsert(['2', 'b'])]),
  ...firstBlock(800, buildRelation(), buildInsert(['3', 'c'])),
  buildStreamAbort({ xid: 700, subxid: 701 }),
  buildStreamPrepare({ xid: 800, prepareLsn: 0x500n }),
  buildLogicalMessage({ transactional: false, lsn: 0x580n }),
  buildStreamCommit({ xid: 700, commitLsn: 0x600n }),
  buildBeginPrepare({ prepareLsn: 0x700n }),
  buildInsert(['4', 'd']),
  buildPrepare({ prepareLsn: 0x700n }),
  buildRollbackPrepared({ endLsn: 0x800n }),
  ...firstBlock(900),
  buildStreamAbort({ xid: 900 }),
  buildCommitPrepared({ xid: 800, commitLsn: 0x900n }),
].map((payload) => buildXlogData(payload));

/** The stream starts after the greeting. The specs' fake server sends both. */
const GREETINGS = { pgoutput: greetingOf(PGOUTPUT), raw: greetingOf(RAW, plainSlot) };

export const stream: Target = {
  name: 'stream',
  seeds: [INTERLUDES, CLOSING, ...FAILURES, [...BLOCKS, buildKeepalive(0xa00n)], [...STREAM, ...BLOCKS]],
  repair: correctLength,
  run(parts) {
    const bytes = Buffer.concat(parts);
    const pick = generateNumbers(bytes)();
    const run = (config: PgoutputConfig | PluginConfig, greeting: Parts): string[] => {
      const [whole = [], ...others] = createChunkings(bytes).map((chunks) => {
        const positions = new Set([0n]);
        const handler = chooseBehaviour(pick, (message) => positions.add(positionOf(message)));
        const played = play(config, [...greeting, ...chunks], handler);
        checkFeedback(played, positions);
        return describe(played);
      });
      for (const outcome of others) expectSame('In other chunks', outcome, whole);
      return whole;
    };
    run(RAW, GREETINGS.raw);
    return describeOutcome(run(PGOUTPUT, GREETINGS.pgoutput));
  },
};

function plainSlot(server: { slot(): { plugin: string } }): void {
  server.slot().plugin = 'test_decoding';
}

/** The subscriber acknowledges all, some or no messages, or unsubscribes during the stream. */
function chooseBehaviour(pick: number, hear: (message: StreamMessage) => void): Handler {
  let count = 0;
  return (message, subscription) => {
    hear(message);
    count++;
    if (pick % 4 === 0 || (pick % 4 === 1 && count % 3 > 0)) message.ack();
    if (pick % 4 === 3 && count > pick % 11) subscription.unsubscribe();
  };
}

/** The position that may be confirmed once this message and all before it are done. */
function positionOf(message: StreamMessage): bigint {
  switch (message.kind) {
    case 'commit':
    case 'prepare':
    case 'streamCommit':
    case 'streamPrepare':
    case 'commitPrepared':
    case 'rollbackPrepared':
      return message.endLsn;
    case 'keepalive':
      return message.walEnd;
    case 'message':
      return message.lsn;
    case 'xlogData':
      return message.dataStart;
    default:
      return 0n;
  }
}

function checkFeedback({ flushed }: Played, positions: ReadonlySet<bigint>): void {
  let last = 0n;
  for (const position of flushed) {
    if (!positions.has(position)) throw new BrokenRule(`Confirmed ${position}, where nothing ends`);
    if (position < last) throw new BrokenRule(`Confirmed ${position} after ${last}`);
    last = position;
  }
}

function describe({ messages, completed, error, flushed }: Played): string[] {
  const confirmed = `confirmed ${flushed.at(-1) ?? 'nothing'}${completed ? ', completed' : ''}`;
  return [...messages, confirmed, ...(error === undefined ? [] : [replicationError(error)])];
}
