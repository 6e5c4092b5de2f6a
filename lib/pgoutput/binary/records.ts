import { Fields } from './fields';
import { escapeQuotes } from './quoting';
import {
  checkQuoted,
  incrementDepth,
  appendText,
  getTextLimit,
  type TextWriter,
  type GetTextWriter,
} from './value-text';

/** How record_out decides it. */
const QUOTED = /^$|["\\(), \t\n\v\f\r]/;

/**
 * `(1,"a b",)`: each column with its type's OID. So a type that has been altered meanwhile is read as it was when the value
 * was sent.
 */
export function createRecordWriter(textOf: GetTextWriter): TextWriter {
  return (bytes, start, end, depth) => {
    const fields = new Fields(bytes, start, end);
    const columnDepth = incrementDepth(depth);
    const limit = getTextLimit(end - start);
    // Each column has an OID and a length.
    const count = fields.count(8);
    let text = '(';
    for (let i = 0; i < count; i++) {
      const oid = fields.u32();
      const length = fields.i32();
      if (i > 0) text += ',';
      if (length === -1) continue;
      const at = fields.take(length);
      text = appendText(text, quoteField(textOf(oid)(bytes, at, at + length, columnDepth), QUOTED, length), limit);
    }
    fields.finish();
    return `${text})`;
  };
}

/** In records and ranges a quote or backslash within quotes is doubled. */
export function quoteField(text: string, mustBeQuoted: RegExp, bytes: number): string {
  if (!mustBeQuoted.test(text)) return text;
  checkQuoted(text, bytes);
  return `"${escapeQuotes(text, '"', '""')}"`;
}
