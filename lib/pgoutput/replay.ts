import type { Lsn } from '../lsn';
import { Reader } from '../wire/reader';
import { formatOf } from './formats';
import { isPlaced, type Change } from './messages';
import { type CompiledRelation, RelationCache } from './relations';
import { DecoderState, OpenTransaction } from './state';
import { defaultTypes } from './values';

const XID = 4;

/**
 * Makes the changes of a streamed transaction from their recordings, in their order, as if it had come in one piece.
 * The same changes come each time.
 */
export class Replay {
  readonly #reader = new Reader(Buffer.alloc(0), 0, 0, '');
  readonly #relations = new RelationCache({ types: defaultTypes });
  readonly #state = new DecoderState(this.#relations);

  constructor(commitLsn: Lsn) {
    this.#state.current = new OpenTransaction(commitLsn);
  }

  /** The change whose payload stands in [start, end). */
  change(buffer: Buffer, start: number, end: number, relations: readonly CompiledRelation[]): Change {
    const format = formatOf(buffer, start, end);
    for (const relation of relations) this.#relations.put(relation);
    this.#state.what = format.name;
    this.#reader.reset(buffer, start, end, format.name);
    this.#reader.skip(1 + XID);
    const message = format.decode(this.#reader, this.#state);
    this.#reader.finish();
    if (!('ordinal' in message && isPlaced(message))) throw this.#state.violation('expected a change of a transaction');
    return message;
  }
}
