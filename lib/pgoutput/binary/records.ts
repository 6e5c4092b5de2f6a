import { Fields } from './fields';
import { TextList } from './text-list';
import { quoteText, incrementDepth, type TextWriter, type GetTextWriter } from './value-text';

/** Columns that record_out quotes. */
const QUOTED = /^$|["\\(), \t\n\v\f\r]/;

/**
 * Writes records, `(1,"a b",)`. The binary format has the type OID of each column, so a value is read correctly even if the
 * type was altered after the value was written.
 */
export function createRecordWriter(getTextWriter: GetTextWriter): TextWriter {
  return (bytes, start, end, depth) => {
    const fields = new Fields(bytes, start, end);
    const columnDepth = incrementDepth(depth);
    // Each column has an OID and a length.
    const count = fields.count(8);
    const columns = new TextList(',', end - start);
    for (let i = 0; i < count; i++) {
      const oid = fields.u32();
      const length = fields.i32();
      if (length === -1) {
        columns.add('');
        continue;
      }
      const at = fields.take(length);
      columns.add(quoteField(getTextWriter(oid)(bytes, at, at + length, columnDepth), QUOTED, length));
    }
    fields.finish();
    return `(${columns.toString()})`;
  };
}

/** Quotes a column of a record or a bound of a range; quotes and backslashes in it are doubled. */
export function quoteField(text: string, mustBeQuoted: RegExp, bytes: number): string {
  if (!mustBeQuoted.test(text)) return text;
  return quoteText(text, '""', bytes);
}
