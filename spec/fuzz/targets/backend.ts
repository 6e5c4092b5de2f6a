import { decodeBackendMessage } from '../../../lib/wire/backend';
import { FrameDecoder } from '../../../lib/wire/frames';
import { cstring, i32, u16, u32 } from '../../../lib/testing/bytes';
import {
  buildAuthenticationOk,
  buildCommandComplete,
  buildCopyBothResponse,
  buildCopyDone,
  buildDataRow,
  buildErrorResponse,
  buildFrame,
  buildNotice,
  buildNotification,
  buildParameterStatus,
  buildReadyForQuery,
  buildRowDescription,
} from '../../../lib/testing/backend-messages';
import type { Parts } from '../case';
import { createChunkings } from '../chunking';
import { correctLength } from '../frames';
import { expectSame, protocolError, describeOutcome } from '../outcome';
import type { Target } from '../target';

/** Every server message outside CopyData. */
const START_UP: Parts = [
  buildFrame('R', i32(3)),
  buildFrame('R', i32(5), Buffer.from('salt')),
  buildFrame('R', i32(10), cstring('SCRAM-SHA-256-PLUS'), cstring('SCRAM-SHA-256'), cstring('')),
  buildFrame('R', i32(11), Buffer.from('r=nonce,s=c2FsdA==,i=4096')),
  buildFrame('R', i32(12), Buffer.from('v=c2lnbmF0dXJl')),
  buildFrame('R', i32(7), Buffer.from('of GSSAPI')),
  buildAuthenticationOk(),
  buildParameterStatus('client_encoding', 'UTF8'),
  buildFrame('v', u16(3), u16(0), i32(2), cstring('_pq_.a'), cstring('_pq_.b')),
  buildFrame('K', i32(4711), Buffer.from([1, 2, 3, 4])),
  buildFrame('K', i32(4711), Buffer.alloc(256, 7)),
  buildReadyForQuery(),
];
const QUERIES: Parts = [
  buildRowDescription(['id', '__proto__', '']),
  buildDataRow(['1', null, 'Grüße, 世界 🌍']),
  buildDataRow([null, '', 'x'.repeat(300)]),
  buildCommandComplete('SELECT 2'),
  buildFrame('I'),
  buildNotice({ R: 'LoadPublications', C: '55000' }),
  buildNotification('channel', 'payload'),
  buildErrorResponse({ D: 'a detail', H: 'a hint', W: 'a context', R: 'a_routine', Z: 'of the future' }),
  buildReadyForQuery(),
  buildCopyBothResponse(),
  buildFrame('W', Buffer.from([0]), u16(2), u16(0), u16(1)),
  buildCopyDone(),
];

export const backend: Target = {
  name: 'backend',
  seeds: [
    START_UP,
    QUERIES,
    [buildFrame('T', u16(1), cstring('a'), Buffer.alloc(18)), buildFrame('v', u32(0), i32(0))],
  ],
  repair: correctLength,
  run(parts) {
    const [whole = [], ...others] = createChunkings(Buffer.concat(parts)).map(decodeChunks);
    for (const outcome of others) expectSame('In other chunks', outcome, whole);
    return describeOutcome(whole);
  },
};

/** All messages, and the end. */
export function decodeChunks(chunks: readonly Buffer[]): string[] {
  const frames = new FrameDecoder();
  const outcome: string[] = [];
  try {
    for (const chunk of chunks) {
      frames.push(chunk);
      while (frames.next()) outcome.push(JSON.stringify(decodeBackendMessage(frames)));
    }
  } catch (error) {
    outcome.push(protocolError(error));
  }
  return outcome;
}
