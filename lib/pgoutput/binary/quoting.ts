/** V8 ends the process where a text is cut into some hundred million parts at once. */
const PIECE = 2 ** 16;

/** A text with each backslash twice, and something else in place of each quote. */
export function escapeQuotes(text: string, quote: string, escapedQuote: string): string {
  let whole = '';
  for (let at = 0; at < text.length; at += PIECE) {
    const piece = text.length <= PIECE ? text : text.slice(at, at + PIECE);
    // Four times as fast as a regular expression where there are many.
    whole += piece.split('\\').join('\\\\').split(quote).join(escapedQuote);
  }
  return whole;
}
