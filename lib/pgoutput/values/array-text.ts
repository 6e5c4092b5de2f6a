import { TextScanner } from './text-scanner';
import type { TextParser } from './values';

/** MAXDIM in array.h. */
const MOST_DIMENSIONS = 6;
/** `[0:1][-2:3]=`, where an array's indexes do not start with 1. */
const BOUNDS = /^(?:\[-?\d{1,10}:-?\d{1,10}\]){1,6}=/;

/**
 * Reads an array as array_out prints it, each element by `parseElement`: arrays in arrays for more than one dimension. Where
 * the indexes start is left out, as `pg` does.
 *
 * @param delimiter what stands between two elements: a comma for nearly all types, see pg_type.typdelim
 * @throws what `parseElement` throws, and an Error for text that is no array
 */
export function parseArray(text: string, delimiter: string, parseElement: TextParser): unknown[] {
  const scanner = new TextScanner(text, BOUNDS.exec(text)?.[0].length);
  const dimensions = countBraces(text, scanner.at);
  const outermost: unknown[] = [];
  if (dimensions === 1 && scanner.at === text.length - 2 && text.endsWith('}')) return outermost;

  /** The arrays that are not closed yet, from the outermost in. */
  const open: unknown[][] = [];
  for (;;) {
    while (open.length < dimensions) {
      if (!scanner.takes('{')) throw scanner.failure("'{'");
      const array = open.length === 0 ? outermost : [];
      open.at(-1)?.push(array);
      open.push(array);
    }
    open.at(-1)?.push(readElement(scanner, delimiter, parseElement));
    while (scanner.takes('}')) {
      open.pop();
      if (open.length > 0) continue;
      if (!scanner.isAtEnd) throw scanner.failure('the end');
      return outermost;
    }
    if (!scanner.takes(delimiter)) throw scanner.failure(`'}' or ${JSON.stringify(delimiter)}`);
  }
}

function countBraces(text: string, start: number): number {
  let count = 0;
  while (text[start + count] === '{' && count <= MOST_DIMENSIONS) count++;
  if (count >= 1 && count <= MOST_DIMENSIONS) return count;
  throw new TextScanner(text, start).failure(`one to ${MOST_DIMENSIONS} opening braces`);
}

function readElement(scanner: TextScanner, delimiter: string, parse: TextParser): unknown {
  if (scanner.sees('"')) return parse(scanner.quoted(false));
  const element = scanner.bare(delimiter, '{}');
  if (element === '') throw scanner.failure('an element');
  return element === 'NULL' ? null : parse(element);
}
