import type { DescribedTable } from '../messages/described-table';
import type { AnyChange, AnyPgoutputMessage } from '../messages/messages';
import { getFormat } from './formats';
import { PayloadReader } from './payload-reader';
import { attachRawChange } from '../messages/raw-change';
import { type Decoding, RelationCache } from './relations';
import { DecoderState, StreamedTransaction } from './state';
import type { TypeParsers } from '../values/values';

const NO_RELATIONS: readonly DescribedTable[] = [];
/** A buffer is let go of after its last message, and after one of this size: the stream may be quiet for long. */
const LARGE = 1024 * 1024;

/**
 * Turns pgoutput's payloads into messages, in the order in which they come.
 *
 * It remembers the tables and the open transactions, so each stream needs its own. After an error it is of no more use.
 */
export class PgoutputDecoder {
  readonly #state: DecoderState;
  readonly #reader: PayloadReader;

  /** @param types gives the parser of each column's type */
  constructor(types: TypeParsers, more: Omit<Decoding, 'types'> = {}) {
    this.#state = new DecoderState(new RelationCache({ ...more, types }));
    this.#reader = new PayloadReader(this.#state, more.catalog);
  }

  /**
   * Decodes the payload in [start, end). The message keeps nothing of the buffer.
   *
   * @throws {ProtocolError} for a payload that is no message, and for a message that cannot come at this point
   * @throws {ValueError} for a value that cannot be decoded, unless it is to be delivered
   */
  decode(buffer: Buffer, start: number, end: number): AnyPgoutputMessage {
    const { current } = this.#state;
    const format = getFormat(buffer, start, end);
    const block = current instanceof StreamedTransaction && format.hasXid ? current : undefined;
    const message = this.#reader.read(format, buffer, start, end, block);
    if (block && isChange(message)) {
      const payload = Buffer.from(buffer.subarray(start, end));
      attachRawChange(message, { xid: block.xid, payload, relations: getRelations(message, block.relations) });
    }
    if (end === buffer.length || end - start > LARGE) this.#reader.release();
    return message;
  }
}

function isChange(message: AnyPgoutputMessage): message is AnyChange {
  return message.kind !== 'relation' && message.kind !== 'type';
}

function getRelations(change: AnyChange, relations: RelationCache): readonly DescribedTable[] {
  switch (change.kind) {
    case 'message':
      return NO_RELATIONS;
    case 'truncate':
      return change.relations.flatMap(({ oid }) => relations.get(oid)?.described ?? []);
    default:
      return relations.get(change.relation.oid)?.described.asArray ?? [];
  }
}
