/** JSON documents with numbers of any size and precision, and their structure. */
import fc, { type Arbitrary } from 'fast-check';

/** A document, with one of: the text of the number, the items of an array, the members of an object, or its value. */
export interface JsonDocument {
  readonly text: string;
  readonly literal?: string;
  readonly items?: readonly JsonDocument[];
  readonly members?: readonly (readonly [name: string, value: JsonDocument])[];
  readonly other?: string | boolean | null;
}

const digits = (maxLength: number): Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength, size: 'max' });
const sign = fc.constantFrom('', '', '-');
const integer = fc.tuple(sign, digits(25)).map(([minus, all]) => minus + (all.replace(/^0+/, '') || '0'));

/** Numbers in JSON: some that a double represents exactly, some that it nearly does, and others. */
export const NUMBER: Arbitrary<string> = fc.oneof(
  integer,
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), digits(3)).map(([value, more]) => value.toFixed(17) + more),
  fc.tuple(integer, digits(20)).map(([whole, fraction]) => `${whole}.${fraction}`),
  fc
    .tuple(
      integer,
      fc.option(digits(10), { nil: '' }),
      fc.constantFrom('e', 'E'),
      fc.constantFrom('', '-', '+'),
      fc.nat(400),
    )
    .map(([whole, fraction, e, plus, power]) => `${whole}${fraction && `.${fraction}`}${e}${plus}${power}`),
  fc.constantFrom('9007199254740991', '9007199254740992', '9007199254740993', '-0', '0.0', '1e400', '1E-400', '1.50'),
);

const space = fc.string({ unit: fc.constantFrom(' ', '\t', '\n', '\r'), maxLength: 2 });
const string = fc.oneof(
  fc.string({ unit: 'binary' }),
  NUMBER,
  fc.string({ unit: fc.constantFrom(...'"\\{}[]:, 1234567890e'), size: 'max', maxLength: 25 }),
  fc.constantFrom('__proto__', 'constructor', '0', '1', 'a', ''),
);
/** Written as JSON.stringify does, or with all characters escaped that may be. */
const written = fc.tuple(string, fc.boolean()).map(([value, isEscaped]) => ({
  value,
  text: isEscaped
    ? `"${value.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`
    : JSON.stringify(value),
}));

/** All of them. */
export const DOCUMENT: Arbitrary<JsonDocument> = fc.letrec<{ document: JsonDocument; bare: JsonDocument }>((tie) => ({
  document: fc
    .tuple(space, tie('bare'), space)
    .map(([before, bare, after]) => ({ ...bare, text: before + bare.text + after })),
  bare: fc.oneof(
    { maxDepth: 5 },
    { weight: 4, arbitrary: NUMBER.map((literal) => ({ text: literal, literal })) },
    { weight: 2, arbitrary: written.map(({ value, text }) => ({ text, other: value })) },
    { weight: 1, arbitrary: fc.constantFrom(true, false, null).map((other) => ({ text: String(other), other })) },
    {
      weight: 2,
      arbitrary: fc.array(tie('document'), { maxLength: 6 }).map((items) => ({
        text: `[${items.map(({ text }) => text).join()}]`,
        items,
      })),
    },
    {
      weight: 2,
      arbitrary: fc.array(fc.tuple(written, tie('document')), { maxLength: 6 }).map((members) => ({
        text: `{${members.map(([name, { text }]) => `${name.text}:${text}`).join()}}`,
        members: members.map(([name, value]) => [name.value, value] as const),
      })),
    },
  ),
})).document;

/** Whether two texts are the same decimal number, computed without doubles. */
export function sameDecimal(a: string, b: string): boolean {
  const [one, other] = [unitsOf(a), unitsOf(b)];
  if (!one || !other) return a === b;
  if (one.units === 0n || other.units === 0n) return one.units === other.units;
  const least = Math.min(one.power, other.power);
  return one.units * 10n ** BigInt(one.power - least) === other.units * 10n ** BigInt(other.power - least);
}

/** A number as units of a power of ten; undefined if it is not a finite number. */
function unitsOf(text: string): { units: bigint; power: number } | undefined {
  const [, whole = '', fraction = '', power = '0'] = /^(-?\d+)(?:\.(\d+))?(?:e([-+]?\d+))?$/i.exec(text) ?? [];
  return whole === '' ? undefined : { units: BigInt(whole + fraction), power: Number(power) - fraction.length };
}
