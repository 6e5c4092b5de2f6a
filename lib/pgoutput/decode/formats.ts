import { ProtocolError } from '../../common/errors';
import { formatTag } from '../../wire/frames';
import { typeFormat, relationFormat } from './catalog-formats';
import { deleteFormat, insertFormat, truncateFormat, updateFormat } from './row-formats';
import type { MessageFormat } from './state';
import {
  streamAbortFormat,
  streamCommitFormat,
  streamPrepareFormat,
  streamStartFormat,
  streamStopFormat,
} from './stream-formats';
import { beginFormat, commitFormat, logicalMessageFormat, originFormat } from './transaction-formats';
import { beginPrepareFormat, commitPreparedFormat, prepareFormat, rollbackPreparedFormat } from './two-phase-formats';

/** The message formats of all protocol versions, by tag. The options of the slot decide which messages the server sends. */
const FORMATS: readonly (MessageFormat | undefined)[] = indexByTag({
  B: beginFormat,
  C: commitFormat,
  O: originFormat,
  R: relationFormat,
  Y: typeFormat,
  I: insertFormat,
  U: updateFormat,
  D: deleteFormat,
  T: truncateFormat,
  M: logicalMessageFormat,
  S: streamStartFormat,
  E: streamStopFormat,
  c: streamCommitFormat,
  A: streamAbortFormat,
  p: streamPrepareFormat,
  b: beginPrepareFormat,
  P: prepareFormat,
  K: commitPreparedFormat,
  r: rollbackPreparedFormat,
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
