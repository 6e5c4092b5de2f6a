/**
 * A JSON number that JavaScript has no number for: a double would be another number, and it is not written as an integer.
 *
 * `String(it)` is its text as it stands in the document, and so is its JSON form, as a bigint's is its digits. It is no plain
 * text, so that it cannot be taken for a JSON string.
 *
 * @example
 * const price = row.payload.price; // 0.1234567890123456789
 * new Decimal(String(price));
 */
export class JsonNumber {
  constructor(
    /** As the document has it, as in `0.1234567890123456789` or `1e400`. */
    readonly text: string,
  ) {}

  toString(): string {
    return this.text;
  }

  toJSON(): string {
    return this.text;
  }
}

/** The most digits that an integer may have in numeric, and so in jsonb. Longer bigints would take seconds and minutes. */
const LONGEST_INTEGER = 131_072;

/** A number of sixteen digits, or with an exponent: of all others a double keeps every digit. In a string it does no harm. */
const MAY_BE_ROUNDED = /(?:^|[:,[\s])-?\d(?:[\d.]{15}|[\d.]*[eE])/;

type Members = Record<string, unknown>;

/** What of a document that is known to be JSON is a number. */
const NUMBER = /[-+.\deE]+/y;

/**
 * As `JSON.parse`, but no number is rounded: an integer beyond `Number.MAX_SAFE_INTEGER` is a bigint, and another number that a
 * double would print otherwise is a {@link JsonNumber}. `1.10` is 1.1, and `1e2` is 100: the same numbers.
 *
 * JSON.parse tells nobody how a number was written (before Node 21), and lossless-json, which does, recurses: it fails some
 * thousand levels deep, where PostgreSQL goes further, and takes five times as long for documents that need none of it.
 *
 * @throws {SyntaxError} for what is no JSON
 */
export function parseExactJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return MAY_BE_ROUNDED.test(text) ? rebuild(text) : value;
}

/** Reads a document that JSON.parse has taken, so that all that is left to do is to tell values apart. */
function rebuild(text: string): unknown {
  // No recursion: a document may go deeper than the stack.
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
        const string = getSource(text.slice(at, end));
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
        // Else a space, a comma or a colon.
        at += number?.length ?? 1;
      }
    }
  }
  return root;
}

/** @returns behind the closing quote of the string that begins here */
function findStringEnd(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function getSource(quoted: string): string {
  return quoted.includes('\\') ? String(JSON.parse(quoted)) : quoted.slice(1, -1);
}

/** As JSON.parse has it: `__proto__` is a member like others, and of two with one name the last counts. */
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
    return digits <= LONGEST_INTEGER ? BigInt(text) : new JsonNumber(text);
  }
  return decimal(text) === decimal(String(number)) ? number : new JsonNumber(text);
}

/** One spelling for each decimal number, without its sign: its digits with no zero at either end, and a power of ten. */
function decimal(text: string): string {
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
