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
const FORMATS: ReadonlyMap<number, MessageFormat> = byTag({
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
const NOT_ASKED_FOR: ReadonlyMap<number, string> = byTag({
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
    reader.reset(buffer, start, end, 'pgoutput payload');
    const tag = reader.u8();
    const format = FORMATS.get(tag);
    if (format === undefined) throw unknown(tag);

    reader.reset(buffer, start, end, format.name);
    reader.skip(1);
    this.#state.what = format.name;
    const message = format.decode(reader, this.#state);
    reader.finish();
    // Lets go of the buffer, which may be large, while the stream is quiet.
    reader.reset(NOTHING, 0, 0, '');
    return message;
  }
}

function unknown(tag: number): ProtocolError {
  const known = NOT_ASKED_FOR.get(tag);
  return new ProtocolError(
    known === undefined
      ? `pgoutput payload: expected the tag of a message at byte 0, found ${printable(tag)}`
      : `pgoutput payload: found a ${known}`,
  );
}

function byTag<T>(entries: Record<string, T>): ReadonlyMap<number, T> {
  return new Map(Object.entries(entries).map(([tag, entry]) => [tag.charCodeAt(0), entry]));
}
