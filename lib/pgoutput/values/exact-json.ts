/**
 * A JSON number that a double would round and that is not an integer. It is a class of its own, to distinguish it from a JSON
 * string.
 *
 * `String(number)` is the text in the document. The JSON form is the same text, as a string.
 *
 * @example
 * const price = row.payload.price; // 0.1234567890123456789
 * new Decimal(String(price));
 */
export class JsonNumber {
  constructor(
    /** The text in the document, such as `0.1234567890123456789` or `1e400`. */
    readonly text: string,
  ) {}

  toString(): string {
    return this.text;
  }

  toJSON(): string {
    return this.text;
  }
}

/** The maximum number of digits converted to a bigint: the limit of numeric, and so of jsonb. Longer ones take seconds to minutes. */
const MAX_BIGINT_DIGITS = 131_072;

/** Matches numbers with 16 digits or an exponent; a double represents all others exactly. Matches in strings do not matter. */
const MAY_BE_ROUNDED = /(?:^|[:,[\s])-?\d(?:[\d.]{15}|[\d.]*[eE])/;

type Members = Record<string, unknown>;

/** Matches a number in a valid JSON document. */
const NUMBER = /[-+.\deE]+/y;

/**
 * Parses JSON like `JSON.parse`, without rounding: an integer beyond `Number.MAX_SAFE_INTEGER` becomes a bigint, any other
 * number that a double would round a {@link JsonNumber}. `1.10` becomes 1.1, and `1e2` becomes 100, which are equal numbers.
 *
 * Before Node 21, `JSON.parse` does not pass the source text of numbers to its reviver. The package lossless-json recurses, so
 * it fails at some thousand levels, which PostgreSQL exceeds; and it takes five times as long for documents without such
 * numbers.
 *
 * @throws {SyntaxError} when the text is not JSON
 */
export function parseExactJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return MAY_BE_ROUNDED.test(text) ? rebuild(text) : value;
}

/** Parses a document that `JSON.parse` has accepted, so it does not validate. */
function rebuild(text: string): unknown {
  // Not recursive: a document can be nested more deeply than the stack allows.
  const open: (unknown[] | Members)[] = [];
  let key: string | undefined;
  let root: unknown;

  const put = (value: unknown): void => {
    const parent = open.at(-1);
    if (parent === undefined) root = value;
    else if (Array.isArray(parent)) parent.push(value);
    else setMember(parent, key ?? '', value);
    key = undefined;
  };

  for (let at = 0; at < text.length;) {
    switch (text[at]) {
      case '{':
      case '[': {
        const container = text[at] === '{' ? {} : [];
        put(container);
        open.push(container);
        at++;
        break;
      }
      case '}':
      case ']':
        open.pop();
        at++;
        break;
      case '"': {
        const end = findStringEnd(text, at);
        const string = unquoteString(text.slice(at, end));
        const parent = open.at(-1);
        if (key === undefined && parent !== undefined && !Array.isArray(parent)) key = string;
        else put(string);
        at = end;
        break;
      }
      case 't':
        put(true);
        at += 'true'.length;
        break;
      case 'f':
        put(false);
        at += 'false'.length;
        break;
      case 'n':
        put(null);
        at += 'null'.length;
        break;
      default: {
        NUMBER.lastIndex = at;
        const [number] = NUMBER.exec(text) ?? [];
        if (number !== undefined) put(toExactNumber(number));
        // Otherwise the character is a space, a comma or a colon.
        at += number?.length ?? 1;
      }
    }
  }
  return root;
}

/** @returns the index after the closing quote of the string at `start` */
function findStringEnd(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function unquoteString(quoted: string): string {
  return quoted.includes('\\') ? String(JSON.parse(quoted)) : quoted.slice(1, -1);
}

/** Sets a member as `JSON.parse` does: `__proto__` is an ordinary member, and the last duplicate wins. */
function setMember(object: Members, name: string, value: unknown): void {
  if (name === '__proto__') {
    Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
  } else {
    object[name] = value;
  }
}

function toExactNumber(text: string): number | bigint | JsonNumber {
  const number = Number(text);
  if (/^-?\d+$/.test(text)) {
    if (Number.isSafeInteger(number)) return number;
    const digits = number < 0 ? text.length - 1 : text.length;
    return digits <= MAX_BIGINT_DIGITS ? BigInt(text) : new JsonNumber(text);
  }
  return normalizeDecimal(text) === normalizeDecimal(String(number)) ? number : new JsonNumber(text);
}

/** Normalizes a decimal number without its sign: the digits without leading and trailing zeros, and a power of ten. */
function normalizeDecimal(text: string): string {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const digits = whole + fraction;
  let first = 0;
  let last = digits.length;
  while (digits[first] === '0') first++;
  if (first === last) return '0';
  while (digits[last - 1] === '0') last--;
  return `${digits.slice(first, last)}e${Number(exponent) + digits.length - last - fraction.length}`;
}
