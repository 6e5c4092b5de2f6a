/** Characters that are split at once. V8 ends the process if a split has some hundred million parts. */
const PIECE = 2 ** 16;

/** Doubles backslashes and replaces quotes. */
export function escapeQuotes(text: string, quote: string, escapedQuote: string): string {
  let whole = '';
  for (let at = 0; at < text.length; at += PIECE) {
    const piece = text.length <= PIECE ? text : text.slice(at, at + PIECE);
    // Four times as fast as a regular expression if there are many matches.
    whole += piece.split('\\').join('\\\\').split(quote).join(escapedQuote);
  }
  return whole;
}
