const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Scans a text from left to right. Its errors contain the position, not the text. */
export class TextScanner {
  /** The position, in UTF-16 code units. */
  at: number;
  readonly #text: string;

  constructor(text: string, at = 0) {
    this.#text = text;
    this.at = at;
  }

  get isAtEnd(): boolean {
    return this.at === this.#text.length;
  }

  /** Whether the next character is this one. */
  isAt(character: string): boolean {
    return this.#text[this.at] === character;
  }

  /** Consumes the next character if it is this one. */
  skipIfAt(character: string): boolean {
    if (!this.isAt(character)) return false;
    this.at++;
    return true;
  }

  /**
   * Reads unquoted text up to a separator or a closing bracket.
   *
   * @param brackets the opening bracket, which is invalid in unquoted text, and the closing one
   */
  readUnquoted(separator: string, brackets: '{}' | '()'): string {
    const text = this.#text;
    const start = this.at;
    const ends = separator.charCodeAt(0);
    const opens = brackets.charCodeAt(0);
    const closes = brackets.charCodeAt(1);
    for (; this.at < text.length; this.at++) {
      const code = text.charCodeAt(this.at);
      if (code === ends || code === closes) break;
      if (code === opens || code === QUOTE || code === BACKSLASH) throw this.createError('it to be in quotes');
    }
    return text.slice(start, this.at);
  }

  /**
   * Reads quoted text. A backslash escapes the next character.
   *
   * @param isDoubled whether two quotes represent one; otherwise the first of them ends the text
   */
  readQuoted(isDoubled: boolean): string {
    const text = this.#text;
    let value = '';
    let from = ++this.at;
    for (; this.at < text.length; this.at++) {
      const code = text.charCodeAt(this.at);
      const escapes = code === BACKSLASH || (code === QUOTE && isDoubled && text.charCodeAt(this.at + 1) === QUOTE);
      if (escapes) {
        value += text.slice(from, this.at);
        from = ++this.at;
      } else if (code === QUOTE) {
        return value + text.slice(from, this.at++);
      }
    }
    this.at = text.length;
    throw this.createError('the closing quote');
  }

  createError(expected: string): Error {
    return new Error(`expected ${expected} at character ${this.at + 1} of ${this.#text.length}`);
  }
}
