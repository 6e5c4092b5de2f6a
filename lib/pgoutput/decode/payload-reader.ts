import { Reader } from '../../wire/reader';
import type { AnyPgoutputMessage } from '../messages/messages';
import type { DecoderState, MessageFormat } from './state';
import type { TypeCatalog } from '../types/type-catalog';
import { ValueGuard } from '../values/value-guard';

const EMPTY = Buffer.alloc(0);

/** Reads payloads of a known format, with the state of the decoder. */
export class PayloadReader {
  readonly #reader = new Reader(EMPTY, 0, 0, '');
  readonly #state: DecoderState;
  readonly #guard: ValueGuard;

  /** @param catalog knows whether a lookup of types can help with a value that cannot be decoded */
  constructor(state: DecoderState, catalog?: TypeCatalog) {
    this.#state = state;
    this.#guard = new ValueGuard(state, catalog);
  }

  /**
   * Reads the message in [start, end). If a value cannot be decoded, a second attempt identifies the value.
   *
   * @param block receives the xid after the tag; undefined if the message has none
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

  /** Releases the buffer. */
  release(): void {
    this.#reader.reset(EMPTY, 0, 0, '');
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
    if (format.isUntagged !== true) reader.skip(1);
    if (block) block.xid = reader.u32();
    const message = format.decode(reader, this.#state);
    reader.finish();
    return message;
  }
}
