import { Fields } from './fields';
import { escaped } from './quoting';
import { checkQuoted, deeper, joined, textLimit, type ValueText, type ValueTextOf } from './value-text';

/** How record_out decides it. */
const QUOTED = /^$|["\\(), \t\n\v\f\r]/;

/**
 * `(1,"a b",)`: each column with its type's OID. So a type that has been altered meanwhile is read as it was when the value
 * was sent.
 */
export function record(textOf: ValueTextOf): ValueText {
  return (bytes, start, end, depth) => {
    const fields = new Fields(bytes, start, end);
    const columnDepth = deeper(depth);
    const limit = textLimit(end - start);
    // Each column has an OID and a length.
    const count = fields.count(8);
    let text = '(';
    for (let i = 0; i < count; i++) {
      const oid = fields.u32();
      const length = fields.i32();
      if (i > 0) text += ',';
      if (length === -1) continue;
      const at = fields.take(length);
      text = joined(text, quoted(textOf(oid)(bytes, at, at + length, columnDepth), QUOTED, length), limit);
    }
    fields.finish();
    return `${text})`;
  };
}

/** In records and ranges a quote or backslash within quotes is doubled. */
export function quoted(text: string, mustBeQuoted: RegExp, bytes: number): string {
  if (!mustBeQuoted.test(text)) return text;
  checkQuoted(text, bytes);
  return `"${escaped(text, '"', '""')}"`;
}
