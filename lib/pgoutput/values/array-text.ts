import { TextScanner } from './text-scanner';
import type { TextParser } from './values';

/** `MAXDIM` in array.h. */
const MAX_DIMENSIONS = 6;
/** The bounds of an array whose subscripts do not start at 1: `[0:1][-2:3]=`. */
const BOUNDS = /^(?:\[-?\d{1,10}:-?\d{1,10}\]){1,6}=/;

/**
 * Parses an array as array_out prints it, and each element with `parseElement`. Several dimensions become nested arrays. The
 * lower bounds are dropped, as `pg` does.
 *
 * @param delimiter the separator of elements: a comma for nearly all types, see `pg_type.typdelim`
 * @throws the error of `parseElement`, or an Error if the text is not an array
 */
export function parseArray(text: string, delimiter: string, parseElement: TextParser): unknown[] {
  const scanner = new TextScanner(text, BOUNDS.exec(text)?.[0].length);
  const dimensions = countBraces(text, scanner.at);
  const outermost: unknown[] = [];
  if (dimensions === 1 && scanner.at === text.length - 2 && text.endsWith('}')) return outermost;

  /** The unclosed arrays, outermost first. */
  const open: unknown[][] = [];
  for (;;) {
    while (open.length < dimensions) {
      if (!scanner.skipIfAt('{')) throw scanner.createError("'{'");
      const array = open.length === 0 ? outermost : [];
      open.at(-1)?.push(array);
      open.push(array);
    }
    open.at(-1)?.push(readElement(scanner, delimiter, parseElement));
    while (scanner.skipIfAt('}')) {
      open.pop();
      if (open.length > 0) continue;
      if (!scanner.isAtEnd) throw scanner.createError('the end');
      return outermost;
    }
    if (!scanner.skipIfAt(delimiter)) throw scanner.createError(`'}' or ${JSON.stringify(delimiter)}`);
  }
}

function countBraces(text: string, start: number): number {
  let count = 0;
  while (text[start + count] === '{' && count <= MAX_DIMENSIONS) count++;
  if (count >= 1 && count <= MAX_DIMENSIONS) return count;
  throw new TextScanner(text, start).createError(`one to ${MAX_DIMENSIONS} opening braces`);
}

function readElement(scanner: TextScanner, delimiter: string, parse: TextParser): unknown {
  if (scanner.isAt('"')) return parse(scanner.readQuoted(false));
  const element = scanner.readUnquoted(delimiter, '{}');
  if (element === '') throw scanner.createError('an element');
  return element === 'NULL' ? null : parse(element);
}
