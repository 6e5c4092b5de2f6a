import { ProtocolError } from '../../common/errors';
import { formatTag } from '../../wire/frames';
import { namedType, relation } from './catalog-formats';
import { deletion, insert, truncate, update } from './row-formats';
import type { MessageFormat } from './state';
import { streamAbort, streamCommit, streamPrepare, streamStart, streamStop } from './stream-formats';
import { begin, commit, logicalMessage, origin } from './transaction-formats';
import { beginPrepare, commitPrepared, prepare, rollbackPrepared } from './two-phase-formats';

/** The message formats of all protocol versions, by tag. The options of the slot decide which messages the server sends. */
const FORMATS: readonly (MessageFormat | undefined)[] = indexByTag({
  B: begin,
  C: commit,
  O: origin,
  R: relation,
  Y: namedType,
  I: insert,
  U: update,
  D: deletion,
  T: truncate,
  M: logicalMessage,
  S: streamStart,
  E: streamStop,
  c: streamCommit,
  A: streamAbort,
  p: streamPrepare,
  b: beginPrepare,
  P: prepare,
  K: commitPrepared,
  r: rollbackPrepared,
});

function indexByTag(formats: Record<string, MessageFormat>): (MessageFormat | undefined)[] {
  const table = new Array<MessageFormat | undefined>(256).fill(undefined);
  for (const [tag, format] of Object.entries(formats)) table[tag.charCodeAt(0)] = format;
  return table;
}

/**
 * Returns the format of the payload in [start, end).
 *
 * @throws {ProtocolError} when the payload is not a message
 */
export function getFormat(buffer: Buffer, start: number, end: number): MessageFormat {
  const tag = start < end ? buffer[start] : undefined;
  const format = tag === undefined ? undefined : FORMATS[tag];
  if (format !== undefined) return format;
  throw new ProtocolError(
    tag === undefined
      ? 'pgoutput payload: expected 1 byte, the tag, at byte 0, where none is left'
      : `pgoutput payload: expected the tag of a message at byte 0, found ${formatTag(tag)}`,
  );
}
