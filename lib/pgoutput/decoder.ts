import { ProtocolError } from '../errors';
import { printable } from '../wire/frames';
import { Reader } from '../wire/reader';
import { namedType, relation } from './catalog';
import type { PgoutputMessage } from './messages';
import { RelationCache } from './relations';
import { deletion, insert, truncate, update } from './rows';
import { DecoderState, type MessageFormat } from './state';
import { begin, commit, logicalMessage, origin } from './transaction';
import type { TypeParsers } from './values';

/** The messages of protocol version 1, by tag. */
const FORMATS: readonly (MessageFormat | undefined)[] = byTag({
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
});

const STREAMING = 'belongs to the option streaming, which was not asked for';
const TWO_PHASE =
  'belongs to the option two_phase, which was not asked for (a slot made with TWO_PHASE sends it all the same)';

/** Messages of later protocol versions. */
const NOT_ASKED_FOR: readonly (string | undefined)[] = byTag({
  S: `Stream Start message, which ${STREAMING}`,
  E: `Stream Stop message, which ${STREAMING}`,
  c: `Stream Commit message, which ${STREAMING}`,
  A: `Stream Abort message, which ${STREAMING}`,
  p: `Stream Prepare message, which ${STREAMING}`,
  b: `Begin Prepare message, which ${TWO_PHASE}`,
  P: `Prepare message, which ${TWO_PHASE}`,
  K: `Commit Prepared message, which ${TWO_PHASE}`,
  r: `Rollback Prepared message, which ${TWO_PHASE}`,
});

const NOTHING = Buffer.alloc(0);
/** A buffer is let go of after its last message, and after one of this size: the stream may be quiet for long. */
const LARGE = 1024 * 1024;

/**
 * Turns pgoutput's payloads into messages, in the order in which they come.
 *
 * It remembers the tables and the open transaction, so each stream needs its own. After an error it is of no more use.
 */
export class PgoutputDecoder {
  readonly #reader = new Reader(NOTHING, 0, 0, '');
  readonly #state: DecoderState;

  /** @param types gives the parser of each column's type */
  constructor(types: TypeParsers) {
    this.#state = new DecoderState(new RelationCache(types));
  }

  /**
   * Decodes the payload in [start, end). The message keeps nothing of the buffer.
   *
   * @throws {ProtocolError} for a payload that is no message, and for a message that cannot come at this point.
   */
  decode(buffer: Buffer, start: number, end: number): PgoutputMessage {
    const reader = this.#reader;
    const tag = start < end ? buffer[start] : undefined;
    const format = tag === undefined ? undefined : FORMATS[tag];
    if (format === undefined) throw unknown(tag);

    reader.reset(buffer, start, end, format.name);
    reader.skip(1);
    this.#state.what = format.name;
    const message = format.decode(reader, this.#state);
    reader.finish();
    if (end === buffer.length || end - start > LARGE) reader.reset(NOTHING, 0, 0, '');
    return message;
  }
}

function unknown(tag: number | undefined): ProtocolError {
  if (tag === undefined)
    return new ProtocolError('pgoutput payload: expected 1 byte, the tag, at byte 0, where none is left');
  const known = NOT_ASKED_FOR[tag];
  return new ProtocolError(
    known === undefined
      ? `pgoutput payload: expected the tag of a message at byte 0, found ${printable(tag)}`
      : `pgoutput payload: found a ${known}`,
  );
}

function byTag<T>(entries: Record<string, T>): (T | undefined)[] {
  const table = new Array<T | undefined>(256).fill(undefined);
  for (const [tag, entry] of Object.entries(entries)) table[tag.charCodeAt(0)] = entry;
  return table;
}
