import type { ProtocolError } from '../../common/errors';
import type { Reader } from '../../wire/reader';
import type { Row } from '../messages/table';
import { type CompiledRelation, setColumn } from '../messages/described-table';
import type { DecoderState } from './state';

const NULL = 0x6e; // n
const UNCHANGED = 0x75; // u
const TEXT = 0x74; // t
const BINARY = 0x62; // b

/** Most rows lack nothing, and share this. */
const NONE: readonly string[] = Object.freeze([]);

/**
 * Reads a row, old or new. `state.unchanged` then names the columns that it lacks.
 *
 * @param before where the values of unchanged TOAST columns stand: the old row under REPLICA IDENTITY FULL, otherwise its key,
 * which the server sends with an UPDATE that changes it, and also where it is stored out of line itself
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
    else if (kind !== UNCHANGED) throw unknownTupleKind(reader, state, kind);
    else if (before !== undefined && Object.hasOwn(before, column.name)) setColumn(row, column, before[column.name]);
    else (unchanged ??= []).push(column.name);
  }
  state.unchanged = unchanged ?? NONE;
  return row;
}

/** Reads a key tuple. It has all columns of the table, but says nothing about those outside the key: they are `n`. */
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
      throw unknownTupleKind(reader, state, kind);
    }
  }
  return key;
}

function readColumnCount(reader: Reader, state: DecoderState, expected: number, table: string): void {
  const count = reader.u16();
  if (count !== expected) {
    throw state.violation(
      `expected ${expected} columns at byte ${reader.offset - 2}, as in the Relation of ${table}, found ${count}`,
    );
  }
}

function unknownTupleKind(reader: Reader, state: DecoderState, kind: number): ProtocolError {
  return state.unexpected(reader, kind, "the kind of a column, 'n', 'u', 't' or 'b',");
}
