import { TextScanner } from './text-scanner';

/**
 * Parses a composite value as record_out prints it, to its fields as text, null for NULL. `()` is one field that is NULL; a
 * type without attributes has the same text.
 *
 * @throws {Error} when the text is not a record
 */
export function parseRecord(text: string): (string | null)[] {
  const scanner = new TextScanner(text);
  if (!scanner.skipIfAt('(')) throw scanner.createError("'('");
  const fields: (string | null)[] = [];
  do fields.push(readField(scanner));
  while (scanner.skipIfAt(','));
  if (!scanner.skipIfAt(')')) throw scanner.createError("',' or ')'");
  if (!scanner.isAtEnd) throw scanner.createError('the end');
  return fields;
}

/** An unquoted empty field is NULL. */
function readField(scanner: TextScanner): string | null {
  return scanner.isAt('"') ? scanner.readQuoted(true) : scanner.readUnquoted(',', '()') || null;
}
