import { checkLimit, getTextLimit } from './value-text';

/** After so many parts they are joined, so that V8 keeps one string instead of them. */
const MANY = 4096;

/**
 * Joins the texts of the parts of a value.
 *
 * V8 keeps `a + b` as a tree until the text is read: millions of parts that are added one by one take ten times the memory of
 * their text, and more. `Array.prototype.join` makes one string.
 */
export class TextList {
  readonly #separator: string;
  readonly #limit: number;
  #parts: string[] = [];
  #text = '';
  #length = 0;

  /** @param bytes how many bytes the value has */
  constructor(separator: string, bytes: number) {
    this.#separator = separator;
    this.#limit = getTextLimit(bytes);
  }

  /** @throws {LimitError} where the text is too long */
  add(part: string): void {
    this.#length += part.length + this.#separator.length;
    checkLimit(this.#length, this.#limit);
    if (this.#parts.push(part) === MANY) {
      this.#text = this.#join();
      this.#parts = [];
    }
  }

  toString(): string {
    return this.#parts.length === 0 ? this.#text : this.#join();
  }

  #join(): string {
    const text = this.#parts.join(this.#separator);
    return this.#text === '' ? text : this.#text + this.#separator + text;
  }
}
