import type { Lsn } from '../../common/lsn';
import { InsertMessage } from '../messages/change-messages';
import { setColumn, type CompiledColumn, type CompiledRelation } from '../messages/described-table';
import type { Row } from '../messages/table';
import type { TypeParsers } from '../values/values';
import { relationFormat } from './catalog-formats';
import { PayloadReader } from './payload-reader';
import { type Decoding, RelationCache } from './relations';
import { DecoderState, OpenTransaction, type MessageFormat } from './state';

const TAB = 0x09;
const NEWLINE = 0x0a;
const BACKSLASH = 0x5c;
const NULL = 0x4e; // N

/** Rows of COPY are complete. */
const NONE: readonly string[] = Object.freeze([]);

/** The control characters that a letter after a backslash stands for. Source: CopyAttributeOutText in copyto.c. */
const CONTROLS: ReadonlyMap<number, number> = new Map([
  [0x62, 0x08], // b
  [0x66, 0x0c], // f
  [0x6e, NEWLINE], // n
  [0x72, 0x0d], // r
  [0x74, TAB], // t
  [0x76, 0x0b], // v
]);

/** Decodes rows of COPY … TO STDOUT in text format to inserts, with the readers that read the same values from the stream. */
export class CopiedRowDecoder {
  readonly #reader: PayloadReader;
  readonly #format: MessageFormat;
  #oid = 0;
  #row: InsertMessage | undefined;

  /**
   * @param consistentPoint the LSN at which the rows are visible. The rows get the LSN of its last byte before, at which no
   * record starts: so they precede each transaction that the stream can send, in the order of `(commitLsn, ordinal)`
   */
  constructor(consistentPoint: Lsn, types: TypeParsers, more: Omit<Decoding, 'types'> = {}) {
    const state = new DecoderState(new RelationCache({ ...more, types }));
    const position = new OpenTransaction(consistentPoint - 1n);
    state.current = position;
    this.#reader = new PayloadReader(state, more.catalog);
    this.#format = {
      name: 'Row of COPY',
      isUntagged: true,
      hasValues: true,
      decode: (reader) => {
        const relation = state.getRelation(this.#oid);
        const row = reader.value(reader.remaining, (bytes, start, end) => readCopiedRow(relation, bytes, start, end));
        if (row) return (this.#row = new InsertMessage(relation.message, position.nextPosition(), row, NONE));
        const { columns, table } = relation.message;
        throw state.createViolation(
          `expected ${columns.length} values, as in the description of ${table}, and a newline`,
        );
      },
    };
  }

  /**
   * Describes a table.
   *
   * @param payload a Relation message of pgoutput
   * @throws {ReplicationError} `SCHEMA_DRIFT` when the table differs from `expectTables`
   */
  describe(payload: Buffer): void {
    this.#reader.read(relationFormat, payload, 0, payload.length, undefined);
  }

  /**
   * Decodes the row in [start, end) of a table that was described.
   *
   * @throws {ProtocolError} when it has another number of columns
   * @throws {ValueError} when a value cannot be decoded, unless `onDecodeError` is `'deliver'`
   */
  decode(oid: number, buffer: Buffer, start: number, end: number): InsertMessage | undefined {
    this.#oid = oid;
    this.#reader.read(this.#format, buffer, start, end, undefined);
    if (end === buffer.length) this.#reader.release();
    return this.#row;
  }
}

/** Reads values up to the newline at the end of the row. The server escapes tabs and newlines within values. */
function readCopiedRow(relation: CompiledRelation, bytes: Buffer, start: number, end: number): Row | undefined {
  const row = relation.newRow();
  const last = relation.columns.length - 1;
  let at = start;
  let index = 0;
  for (const column of relation.columns) {
    const from = at;
    let escapes = 0;
    let byte = bytes[at];
    while (byte !== TAB && byte !== NEWLINE && at < end) {
      // The byte after it is never a tab or a newline.
      if (byte === BACKSLASH) {
        escapes++;
        at++;
      }
      byte = bytes[++at];
    }
    if (at >= end || byte !== (index === last ? NEWLINE : TAB)) return undefined;
    setColumn(
      row,
      column,
      escapes === 0 ? column.text(bytes, from, at) : readEscaped(column, bytes, from, at, escapes),
    );
    at++;
    index++;
  }
  // Of a table without columns, only the newline comes.
  if (last < 0) at++;
  return at === end ? row : undefined;
}

function readEscaped(column: CompiledColumn, bytes: Buffer, start: number, end: number, escapes: number): unknown {
  if (end - start === 2 && bytes[start + 1] === NULL) return null;
  const text = Buffer.allocUnsafe(end - start - escapes);
  let to = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte !== BACKSLASH) {
      text[to++] = byte;
      continue;
    }
    const letter = bytes[++at] ?? 0;
    text[to++] = CONTROLS.get(letter) ?? letter;
  }
  return column.text(text, 0, to);
}
