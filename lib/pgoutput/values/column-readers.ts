import { TextError, decodeUtf8 } from '../../wire/text';
import { binaryText } from '../binary/binary-text';
import { UnknownFormError } from '../binary/value-text';
import { isBuiltIn, shapedParser, UnknownTypeError, withoutDomains, type Reading } from './shaped-values';
import type { Column } from '../messages/table';
import { beyondLimit, DELIVER, ValueFault } from './value-fault';
import { LimitError } from './value-limits';
import { isReadAsBytea, valueReader, type ValueReader } from './value-readers';
import { AS_TEXT, placeOf } from './values';

/** Reads the values of one column, in either format: the same value of both. */
export interface ColumnReaders {
  readonly text: ValueReader;
  readonly binary: ValueReader;
}

/**
 * What is made of a type that is not built in is settled when its first value is read: by then it may have been looked up. Only
 * one that its own transaction may have made stays open until that is committed.
 */
export function columnReaders(reading: Reading, table: string, column: Column): ColumnReaders {
  const isOpen = (): boolean => reading.isOpen?.(column.typeOid) ?? false;
  return {
    text: isBuiltIn(column.typeOid)
      ? builtInReader(reading, table, column)
      : later(() => shapedReader(reading, table, column), isOpen),
    binary: later(() => binaryReader(reading, table, column), isOpen),
  };
}

/** Made at once. Where `types` itself fails, that is told when there is a value. */
function builtInReader(reading: Reading, table: string, column: Column): ValueReader {
  try {
    return valueReader(reading.types, table, column);
  } catch (fault) {
    return () => {
      throw fault;
    };
  }
}

function later(make: () => ValueReader, isOpen: () => boolean): ValueReader {
  let read: ValueReader | undefined;
  return (bytes, start, end) => {
    if (read) return read(bytes, start, end);
    const made = make();
    if (!isOpen()) read = made;
    return made(bytes, start, end);
  };
}

function shapedReader(reading: Reading, table: string, column: Column): ValueReader {
  const base = withoutDomains(reading, table, column);
  if (isBuiltIn(base.typeOid)) return valueReader(reading.types, table, base);
  const parse = shapedParser(reading, table, base);
  return parse === AS_TEXT ? decodeUtf8 : (bytes, start, end) => parse(decodeUtf8(bytes, start, end));
}

/**
 * By way of the text that the server would have sent, so that whatever reads that makes the same value. But bytea, of which a
 * gigabyte may come, is copied.
 */
function binaryReader(reading: Reading, table: string, column: Column): ValueReader {
  if (isReadAsBytea(reading.types, table, withoutDomains(reading, table, column))) return copy;
  const where = placeOf(table, column);
  const write = binaryText(column.typeOid, reading.shapes);
  if (!write) throw new UnknownTypeError(where, reading.isOpen?.(column.typeOid) ?? false, column.typeOid);
  const parse = shapedParser(reading, table, column);
  return (bytes, start, end) => {
    let text: string;
    try {
      text = write(bytes, start, end);
    } catch (cause) {
      if (cause instanceof UnknownFormError) {
        const isOpen = (reading.ofOpen ?? false) && reading.shapes(cause.typeOid) === undefined;
        throw new UnknownTypeError(where, isOpen, column.typeOid, cause.typeOid);
      }
      // What it cannot have as a string says so itself.
      if (cause instanceof TextError) throw cause;
      if (cause instanceof LimitError) throw beyondLimit(where, cause);
      const what = `${where} has a binary value that is not as PostgreSQL writes it`;
      throw new ValueFault(what, { cause, remedy: DELIVER });
    }
    return parse(text);
  };
}

function copy(bytes: Buffer, start: number, end: number): Buffer {
  const value = Buffer.allocUnsafe(end - start);
  bytes.copy(value, 0, start, end);
  return value;
}
