import type { Lsn } from '../../common/lsn';
import type { DescribedTable } from '../messages/described-table';
import { getFormat } from './formats';
import { hasPosition, type Change } from '../messages/messages';
import { PayloadReader } from './payload-reader';
import { RelationCache } from './relations';
import { DecoderState, OpenTransaction } from './state';
import { defaultTypes } from '../values/values';

/**
 * Makes the changes of a streamed transaction from their recordings, in their order, as if it had come in one piece.
 * The same changes come each time.
 */
export class Replay {
  readonly #relations = new RelationCache({ types: defaultTypes });
  readonly #state = new DecoderState(this.#relations);
  readonly #reader = new PayloadReader(this.#state);
  /** Of the subtransaction that made the change. */
  readonly #block = { xid: 0 };

  constructor(commitLsn: Lsn) {
    this.#state.current = new OpenTransaction(commitLsn);
  }

  /**
   * The change whose payload stands in [start, end).
   *
   * @throws {ValueError} for a value that cannot be decoded, unless it is to be delivered
   */
  change(buffer: Buffer, start: number, end: number, relations: readonly DescribedTable[]): Change {
    const format = getFormat(buffer, start, end);
    for (const table of relations) this.#relations.put(table);
    const message = this.#reader.read(format, buffer, start, end, this.#block);
    if (!('ordinal' in message && hasPosition(message)))
      throw this.#state.violation('expected a change of a transaction');
    return message;
  }
}
