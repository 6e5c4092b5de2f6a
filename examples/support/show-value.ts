import { isUtf8 } from 'node:buffer';
import { inspect } from 'node:util';
import { colors } from './colors';

const MAX_TEXT = 40;
const MAX_OBJECT = 60;
const MAX_BYTES = 12;

/** Formats a column's value on one line: text is quoted, long values are shortened, control characters are escaped. */
export function showValue(value: unknown): string {
  if (value === null) return colors.dim('null');
  if (typeof value === 'string') return showText(value);
  if (Buffer.isBuffer(value)) return showBytes(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (typeof value === 'object') {
    const text = inspect(value, { breakLength: Infinity, compact: true });
    return text.length > MAX_OBJECT ? `${text.slice(0, MAX_OBJECT)}…` : text;
  }
  return inspect(value);
}

/** Formats the content of a logical message, which is usually text. */
export function showContent(content: Buffer): string {
  return isUtf8(content) ? showText(content.toString()) : showBytes(content);
}

function showText(text: string): string {
  if (text.length <= MAX_TEXT) return inspect(text);
  // Removes half of a surrogate pair at the end.
  const start = text.slice(0, MAX_TEXT - 1).replace(/[\uD800-\uDBFF]$/, '');
  return `${inspect(`${start}…`)} ${colors.dim(`(${text.length} characters)`)}`;
}

function showBytes(bytes: Buffer): string {
  const text = `\\x${bytes.subarray(0, MAX_BYTES).toString('hex')}`;
  return bytes.length > MAX_BYTES ? `${text}… ${colors.dim(`(${bytes.length} bytes)`)}` : text;
}
