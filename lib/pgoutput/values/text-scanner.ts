const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Takes a text apart from left to right, once; what it throws says where, and not what stands there. */
export class TextScanner {
  /** Where it stands, in UTF-16 code units. */
  at: number;
  readonly #text: string;

  constructor(text: string, at = 0) {
    this.#text = text;
    this.at = at;
  }

  get isAtEnd(): boolean {
    return this.at === this.#text.length;
  }

  /** Whether this character comes next. */
  sees(character: string): boolean {
    return this.#text[this.at] === character;
  }

  /** Goes past this character if it comes next. */
  takes(character: string): boolean {
    if (!this.sees(character)) return false;
    this.at++;
    return true;
  }

  /**
   * The text without quotes from here on, up to a separator or a closing bracket.
   *
   * @param brackets an opening one, which would have been quoted, and a closing one
   */
  bare(separator: string, brackets: '{}' | '()'): string {
    const text = this.#text;
    const start = this.at;
    const ends = separator.charCodeAt(0);
    const opens = brackets.charCodeAt(0);
    const closes = brackets.charCodeAt(1);
    for (; this.at < text.length; this.at++) {
      const code = text.charCodeAt(this.at);
      if (code === ends || code === closes) break;
      if (code === opens || code === QUOTE || code === BACKSLASH) throw this.failure('it to be in quotes');
    }
    return text.slice(start, this.at);
  }

  /**
   * The text between the quote that comes next and the one that ends it. Behind a backslash every character stands for
   * itself.
   *
   * @param isDoubled whether two quotes stand for one; otherwise the first of them ends the text
   */
  quoted(isDoubled: boolean): string {
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
    throw this.failure('the closing quote');
  }

  failure(expected: string): Error {
    return new Error(`expected ${expected} at character ${this.at + 1} of ${this.#text.length}`);
  }
}
