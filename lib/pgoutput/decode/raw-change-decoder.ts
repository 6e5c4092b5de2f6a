import type { Lsn } from '../../common/lsn';
import type { DescribedTable } from '../messages/described-table';
import { getFormat } from './formats';
import { hasPosition, type Change } from '../messages/messages';
import { PayloadReader } from './payload-reader';
import { RelationCache } from './relations';
import { DecoderState, OpenTransaction } from './state';
import { defaultTypes } from '../values/values';

/**
 * Decodes the raw changes of a streamed transaction again, in their order, with the positions of a committed transaction. The
 * result is the same each time.
 */
export class RawChangeDecoder {
  readonly #relations = new RelationCache({ types: defaultTypes });
  readonly #state = new DecoderState(this.#relations);
  readonly #reader = new PayloadReader(this.#state);
  /** Receives the xid of the subtransaction. */
  readonly #block = { xid: 0 };

  constructor(commitLsn: Lsn) {
    this.#state.current = new OpenTransaction(commitLsn);
  }

  /**
   * Decodes the change in [start, end).
   *
   * @throws {ValueError} when a value cannot be decoded, unless `onDecodeError` is `'deliver'`
   */
  decodeChange(buffer: Buffer, start: number, end: number, relations: readonly DescribedTable[]): Change {
    const format = getFormat(buffer, start, end);
    for (const table of relations) this.#relations.put(table);
    const message = this.#reader.read(format, buffer, start, end, this.#block);
    if (!('ordinal' in message && hasPosition(message)))
      throw this.#state.createViolation('expected a change of a transaction');
    return message;
  }
}
