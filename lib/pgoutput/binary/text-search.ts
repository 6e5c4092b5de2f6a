import { Fields } from './fields';
import { escapeQuotes } from './quoting';
import { TextList } from './text-list';

/** How the upper two bits of a position are printed; D, the lowest weight, is left out. */
const WEIGHTS = ['', 'C', 'B', 'A'];

/** Lexemes, each with its positions and their weights. */
export function writeTsvector(bytes: Buffer, start: number, end: number): string {
  const fields = new Fields(bytes, start, end);
  const lexemes = new TextList(' ', end - start);
  // A lexeme ends with a NUL and has at least the count of its positions.
  const count = fields.count(3);
  for (let i = 0; i < count; i++) {
    let text = quoteLexeme(fields.cstring());
    const positions = fields.u16();
    for (let j = 0; j < positions; j++) {
      const position = fields.u16();
      text += `${j === 0 ? ':' : ','}${position & 0x3fff}${WEIGHTS[position >> 14] ?? ''}`;
    }
    lexemes.add(text);
  }
  fields.finish();
  return lexemes.toString();
}

export function quoteLexeme(lexeme: string): string {
  return `'${escapeQuotes(lexeme, "'", "''")}'`;
}
