import { TextScanner } from './text-scanner';

/**
 * Reads a composite value as record_out prints it: its fields as text, null for NULL. `()` is one field that is NULL; a type
 * without attributes reads the same.
 *
 * @throws an Error for text that is no record
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

/** Text that is empty is in quotes. */
function readField(scanner: TextScanner): string | null {
  return scanner.sees('"') ? scanner.quoted(true) : scanner.bare(',', '()') || null;
}
