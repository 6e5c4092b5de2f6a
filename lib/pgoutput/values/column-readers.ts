import { TextError, decodeUtf8 } from '../../wire/text';
import { createBinaryReader } from '../binary/binary-text';
import { UnknownFormError } from '../binary/value-text';
import { isBuiltIn, createShapedParser, UnknownTypeError, resolveDomain, type Reading } from './shaped-values';
import type { Column } from '../messages/table';
import { createLimitFault, DELIVER, ValueFault } from './value-fault';
import { LimitError } from './value-limits';
import { isReadAsBytea, createValueReader, type ValueReader } from './value-readers';
import { AS_TEXT, formatColumn } from './values';

/** Reads the values of one column, in either format: the same value of both. */
export interface ColumnReaders {
  readonly text: ValueReader;
  readonly binary: ValueReader;
}

/**
 * What is made of a type that is not built in is settled when its first value is read: by then it may have been looked up. Only
 * one that its own transaction may have made stays open until that is committed.
 */
export function createColumnReaders(reading: Reading, table: string, column: Column): ColumnReaders {
  const isOpen = (): boolean => reading.isOpen?.(column.typeOid) ?? false;
  return {
    text: isBuiltIn(column.typeOid)
      ? createBuiltInReader(reading, table, column)
      : lazy(() => createShapedReader(reading, table, column), isOpen),
    binary: lazy(() => createBinaryColumnReader(reading, table, column), isOpen),
  };
}

/** Made at once. Where `types` itself fails, that is told when there is a value. */
function createBuiltInReader(reading: Reading, table: string, column: Column): ValueReader {
  try {
    return createValueReader(reading.types, table, column);
  } catch (fault) {
    return () => {
      throw fault;
    };
  }
}

function lazy(make: () => ValueReader, isOpen: () => boolean): ValueReader {
  let read: ValueReader | undefined;
  return (bytes, start, end) => {
    if (read) return read(bytes, start, end);
    const made = make();
    if (!isOpen()) read = made;
    return made(bytes, start, end);
  };
}

function createShapedReader(reading: Reading, table: string, column: Column): ValueReader {
  const base = resolveDomain(reading, table, column);
  if (isBuiltIn(base.typeOid)) return createValueReader(reading.types, table, base);
  const parse = createShapedParser(reading, table, base);
  return parse === AS_TEXT ? decodeUtf8 : (bytes, start, end) => parse(decodeUtf8(bytes, start, end));
}

/**
 * By way of the text that the server would have sent, so that whatever reads that makes the same value. But bytea, of which a
 * gigabyte may come, is copied.
 */
function createBinaryColumnReader(reading: Reading, table: string, column: Column): ValueReader {
  if (isReadAsBytea(reading.types, table, resolveDomain(reading, table, column))) return copy;
  const where = formatColumn(table, column);
  const write = createBinaryReader(column.typeOid, reading.definitions);
  if (!write) throw new UnknownTypeError(where, reading.isOpen?.(column.typeOid) ?? false, column.typeOid);
  const parse = createShapedParser(reading, table, column);
  return (bytes, start, end) => {
    let text: string;
    try {
      text = write(bytes, start, end);
    } catch (cause) {
      if (cause instanceof UnknownFormError) {
        const isOpen = (reading.ofOpen ?? false) && reading.definitions(cause.typeOid) === undefined;
        throw new UnknownTypeError(where, isOpen, column.typeOid, cause.typeOid);
      }
      // What it cannot have as a string says so itself.
      if (cause instanceof TextError) throw cause;
      if (cause instanceof LimitError) throw createLimitFault(where, cause);
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
