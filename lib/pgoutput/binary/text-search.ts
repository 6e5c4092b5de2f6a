import { Fields } from './fields';
import { escapeQuotes } from './quoting';
import { TextList } from './text-list';

/** The letters of the weights in the upper two bits of a position. The lowest weight, D, is not printed. */
const WEIGHTS = ['', 'C', 'B', 'A'];

/** tsvector: lexemes, each with its positions and their weights. */
export function writeTsvector(bytes: Buffer, start: number, end: number): string {
  const fields = new Fields(bytes, start, end);
  const lexemes = new TextList(' ', end - start);
  // A lexeme has at least a NUL byte and the number of its positions.
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
