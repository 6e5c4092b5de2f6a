import { TextScanner } from './text-scanner';

/**
 * Parses a composite value as record_out prints it, to its fields as text, null for NULL. `()` is one field that is NULL; a
 * type without attributes has the same text.
 *
 * @throws {Error} when the text is not a record
 */
export function parseRecord(text: string): (string | null)[] {
  const scanner = new TextScanner(text);
  if (!scanner.takes('(')) throw scanner.failure("'('");
  const fields: (string | null)[] = [];
  do fields.push(readField(scanner));
  while (scanner.takes(','));
  if (!scanner.takes(')')) throw scanner.failure("',' or ')'");
  if (!scanner.isAtEnd) throw scanner.failure('the end');
  return fields;
}

/** An unquoted empty field is NULL. */
function readField(scanner: TextScanner): string | null {
  return scanner.sees('"') ? scanner.quoted(true) : scanner.bare(',', '()') || null;
}
