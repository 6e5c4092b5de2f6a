import { Reader } from '../wire/reader';
import type { AnyChange, AnyPgoutputMessage } from './messages';
import { formatOf } from './formats';
import { record } from './recording';
import { type CompiledRelation, type Decoding, RelationCache } from './relations';
import { DecoderState, StreamedTransaction } from './state';
import type { TypeParsers } from './values';

const NOTHING = Buffer.alloc(0);
const NO_RELATIONS: readonly CompiledRelation[] = [];
/** A buffer is let go of after its last message, and after one of this size: the stream may be quiet for long. */
const LARGE = 1024 * 1024;

/**
 * Turns pgoutput's payloads into messages, in the order in which they come.
 *
 * It remembers the tables and the open transactions, so each stream needs its own. After an error it is of no more use.
 */
export class PgoutputDecoder {
  readonly #reader = new Reader(NOTHING, 0, 0, '');
  readonly #state: DecoderState;

  /** @param types gives the parser of each column's type */
  constructor(types: TypeParsers, more: Omit<Decoding, 'types'> = {}) {
    this.#state = new DecoderState(new RelationCache({ ...more, types }));
  }

  /**
   * Decodes the payload in [start, end). The message keeps nothing of the buffer.
   *
   * @throws {ProtocolError} for a payload that is no message, and for a message that cannot come at this point.
   */
  decode(buffer: Buffer, start: number, end: number): AnyPgoutputMessage {
    const reader = this.#reader;
    const state = this.#state;
    const format = formatOf(buffer, start, end);
    reader.reset(buffer, start, end, format.name);
    reader.skip(1);
    state.what = format.name;
    const block = state.current instanceof StreamedTransaction && format.hasXid ? state.current : undefined;
    if (block) block.xid = reader.u32();
    const message = format.decode(reader, state);
    reader.finish();
    if (block && isChange(message)) {
      const payload = Buffer.from(buffer.subarray(start, end));
      record(message, { xid: block.xid, payload, relations: relationsOf(message, block.relations) });
    }
    if (end === buffer.length || end - start > LARGE) reader.reset(NOTHING, 0, 0, '');
    return message;
  }
}

function isChange(message: AnyPgoutputMessage): message is AnyChange {
  return message.kind !== 'relation' && message.kind !== 'type';
}

function relationsOf(change: AnyChange, relations: RelationCache): readonly CompiledRelation[] {
  switch (change.kind) {
    case 'message':
      return NO_RELATIONS;
    case 'truncate':
      return change.relations.flatMap(({ oid }) => relations.get(oid) ?? []);
    default:
      return relations.get(change.relation.oid)?.alone ?? [];
  }
}
