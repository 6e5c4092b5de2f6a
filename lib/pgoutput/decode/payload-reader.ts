import { Reader } from '../../wire/reader';
import type { AnyPgoutputMessage } from '../messages/messages';
import type { DecoderState, MessageFormat } from './state';
import type { TypeCatalog } from '../types/type-catalog';
import { ValueGuard } from '../values/value-guard';

const NOTHING = Buffer.alloc(0);

/** Reads payloads of which the format is known, in the light of the state. */
export class PayloadReader {
  readonly #reader = new Reader(NOTHING, 0, 0, '');
  readonly #state: DecoderState;
  readonly #guard: ValueGuard;

  /** @param catalog tells whether a look-up may help with a value that cannot be decoded */
  constructor(state: DecoderState, catalog?: TypeCatalog) {
    this.#state = state;
    this.#guard = new ValueGuard(state, catalog);
  }

  /**
   * The message in [start, end). A second attempt finds out which value it is that cannot be decoded, and what becomes of it.
   *
   * @param block takes the xid behind the tag; undefined where there is none
   * @throws {ProtocolError}
   * @throws {ValueError}
   */
  read(
    format: MessageFormat,
    buffer: Buffer,
    start: number,
    end: number,
    block: { xid: number } | undefined,
  ): AnyPgoutputMessage {
    const state = this.#state;
    state.what = format.name;
    try {
      return this.#attempt(format, buffer, start, end, block);
    } catch (error) {
      if (!format.hasValues) throw error;
    }
    state.guard = this.#guard;
    try {
      return this.#attempt(format, buffer, start, end, block);
    } finally {
      state.guard = undefined;
    }
  }

  /** Keeps no buffer. */
  release(): void {
    this.#reader.reset(NOTHING, 0, 0, '');
  }

  #attempt(
    format: MessageFormat,
    buffer: Buffer,
    start: number,
    end: number,
    block: { xid: number } | undefined,
  ): AnyPgoutputMessage {
    const reader = this.#reader;
    reader.reset(buffer, start, end, format.name);
    reader.skip(1);
    if (block) block.xid = reader.u32();
    const message = format.decode(reader, this.#state);
    reader.finish();
    return message;
  }
}
