import { TextError, decodeUtf8 } from '../../wire/text';
import { createBinaryReader } from '../binary/binary-text';
import { UnknownFormError } from '../binary/value-text';
import { isBuiltIn, createShapedParser, UnknownTypeError, resolveDomain, type ReadingContext } from './shaped-values';
import type { Column } from '../messages/table';
import { createLimitFault, DELIVER, ValueFault } from './value-fault';
import { LimitError } from './value-limits';
import type { ValueReader } from './value-reader';
import { isReadAsBytea, createValueReader } from './value-readers';
import { AS_TEXT, formatColumn } from './values';

/** The readers of a column, one per format. Both return the same value. */
export interface ColumnReaders {
  readonly text: ValueReader;
  readonly binary: ValueReader;
}

/**
 * Creates the readers of a column. The reader of a type that is not built in is fixed when its first value is read, because
 * the type may have been looked up by then. If the type may have been created in the same transaction, the reader is fixed
 * only after the commit.
 */
export function createColumnReaders(reading: ReadingContext, table: string, column: Column): ColumnReaders {
  const isOpen = (): boolean => reading.isOpen?.(column.typeOid) ?? false;
  return {
    text: isBuiltIn(column.typeOid)
      ? createBuiltInReader(reading, table, column)
      : createLazyReader(() => createShapedReader(reading, table, column), isOpen),
    binary: createLazyReader(() => createBinaryColumnReader(reading, table, column), isOpen),
  };
}

/** Created immediately. If `types` throws, the reader throws for each value. */
function createBuiltInReader(reading: ReadingContext, table: string, column: Column): ValueReader {
  try {
    return createValueReader(reading.types, table, column);
  } catch (fault) {
    return () => {
      throw fault;
    };
  }
}

function createLazyReader(make: () => ValueReader, isOpen: () => boolean): ValueReader {
  let read: ValueReader | undefined;
  return (bytes, start, end) => {
    if (read) return read(bytes, start, end);
    const made = make();
    if (!isOpen()) read = made;
    return made(bytes, start, end);
  };
}

function createShapedReader(reading: ReadingContext, table: string, column: Column): ValueReader {
  const base = resolveDomain(reading, table, column);
  if (isBuiltIn(base.typeOid)) return createValueReader(reading.types, table, base);
  const parse = createShapedParser(reading, table, base);
  return parse === AS_TEXT ? decodeUtf8 : (bytes, start, end) => parse(decodeUtf8(bytes, start, end));
}

/**
 * Converts the binary value to the text that the server would have sent, and parses that, so that both formats give the same
 * value. A bytea, which can have a gigabyte, is copied instead.
 */
function createBinaryColumnReader(reading: ReadingContext, table: string, column: Column): ValueReader {
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
      // A TextError already describes the problem.
      if (cause instanceof TextError) throw cause;
      if (cause instanceof LimitError) throw createLimitFault(where, cause);
      const what = `${where} has a binary value that PostgreSQL does not send`;
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
