import type { ProtocolError } from '../../common/errors';
import type { Reader } from '../../wire/reader';
import type { Row } from '../messages/table';
import { type CompiledRelation, setColumn } from '../messages/described-table';
import type { DecoderState } from './state';

const NULL = 0x6e; // n
const UNCHANGED = 0x75; // u
const TEXT = 0x74; // t
const BINARY = 0x62; // b

/** Shared by rows without unsent columns, which are most rows. */
const NONE: readonly string[] = Object.freeze([]);

/**
 * Reads an old or new row, and sets `state.unchanged` to the columns that the server did not send.
 *
 * @param before the source of unchanged TOAST values: the old row under REPLICA IDENTITY FULL, otherwise the key, which the
 * server sends if the UPDATE changes it or it is stored out of line
 */
export function readRow(
  reader: Reader,
  state: DecoderState,
  { columns, message, newRow }: CompiledRelation,
  before?: Row,
): Row {
  readColumnCount(reader, state, columns.length, message.table);
  const row = newRow();
  let unchanged: string[] | undefined;
  for (const column of columns) {
    const kind = reader.u8();
    if (kind === TEXT) setColumn(row, column, reader.value(reader.i32(), column.text));
    else if (kind === NULL) setColumn(row, column, null);
    else if (kind === BINARY) setColumn(row, column, reader.value(reader.i32(), column.binary));
    else if (kind !== UNCHANGED) throw createTupleKindError(reader, state, kind);
    else if (before !== undefined && Object.hasOwn(before, column.name)) setColumn(row, column, before[column.name]);
    else (unchanged ??= []).push(column.name);
  }
  state.unchanged = unchanged ?? NONE;
  return row;
}

/** Reads a key tuple. It has all columns of the table; those outside the key are `n` and are skipped. */
export function readKey(reader: Reader, state: DecoderState, { columns, message, newRow }: CompiledRelation): Row {
  readColumnCount(reader, state, columns.length, message.table);
  const key = newRow();
  for (const column of columns) {
    const kind = reader.u8();
    if (kind === TEXT || kind === BINARY) {
      const length = reader.i32();
      if (column.key) setColumn(key, column, reader.value(length, kind === TEXT ? column.text : column.binary));
      else reader.skip(length);
    } else if (kind !== NULL && kind !== UNCHANGED) {
      throw createTupleKindError(reader, state, kind);
    }
  }
  return key;
}

function readColumnCount(reader: Reader, state: DecoderState, expected: number, table: string): void {
  const count = reader.u16();
  if (count !== expected) {
    throw state.createViolation(
      `expected ${expected} columns at byte ${reader.offset - 2}, as in the Relation of ${table}, found ${count}`,
    );
  }
}

function createTupleKindError(reader: Reader, state: DecoderState, kind: number): ProtocolError {
  return state.createByteError(reader, kind, "the kind of a column, 'n', 'u', 't' or 'b',");
}
