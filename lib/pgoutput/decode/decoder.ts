import type { DescribedTable } from '../messages/described-table';
import type { AnyChange, AnyPgoutputMessage } from '../messages/messages';
import { getFormat } from './formats';
import { PayloadReader } from './payload-reader';
import { attachRawChange } from '../messages/raw-change';
import { type Decoding, RelationCache } from './relations';
import { DecoderState, OpenStreamedTransaction } from './state';
import type { TypeParsers } from '../values/values';

const NO_RELATIONS: readonly DescribedTable[] = [];
/** The reader releases a buffer after its last message, and after a message of more than this size in bytes: the stream can then be idle. */
const LARGE = 1024 * 1024;

/**
 * Decodes pgoutput payloads to messages, in the order of the stream.
 *
 * It keeps the tables and the transactions in progress, so each stream needs its own. It cannot be used after an error.
 */
export class PgoutputDecoder {
  readonly #state: DecoderState;
  readonly #reader: PayloadReader;

  /** @param types the parsers of the column types */
  constructor(types: TypeParsers, more: Omit<Decoding, 'types'> = {}) {
    this.#state = new DecoderState(new RelationCache({ ...more, types }));
    this.#reader = new PayloadReader(this.#state, more.catalog);
  }

  /**
   * Decodes the payload in [start, end). The message does not reference the buffer.
   *
   * @throws {ProtocolError} when the payload is not a message, or the message is invalid at this point of the stream
   * @throws {ValueError} when a value cannot be decoded, unless `onDecodeError` is `'deliver'`
   */
  decode(buffer: Buffer, start: number, end: number): AnyPgoutputMessage {
    const { current } = this.#state;
    const format = getFormat(buffer, start, end);
    const block = current instanceof OpenStreamedTransaction && format.hasXid ? current : undefined;
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
