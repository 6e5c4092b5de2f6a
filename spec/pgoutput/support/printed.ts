/** Texts of values, as PostgreSQL prints them with the session settings of the library. */
import fc, { type Arbitrary } from 'fast-check';
import { DOCUMENT } from './json-documents';
import { printedDate, printedTimestamp, printedTimestamptz } from './printed-dates';

const bool = fc.constantFrom('t', 'f');
const int2 = integer(-0x8000, 0x7fff);
const int4 = integer(-0x8000_0000, 0x7fff_ffff);
const oid = integer(0, 0xffff_ffff);
const int8 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  fc.constantFrom('-9223372036854775808', '9223372036854775807', '9007199254740993'),
);
const numeric = fc.oneof(
  fc.tuple(fc.bigInt(-(10n ** 30n), 10n ** 30n), fc.nat(20)).map(([units, scale]) => printNumeric(units, scale)),
  fc.tuple(fc.integer(), fc.nat(12)).map(([units, scale]) => printNumeric(BigInt(units), scale)),
  fc.constantFrom('NaN', 'Infinity', '-Infinity', '0.00', '1.50'),
);
const float4 = fc.float().map((value) => printFloat(value, 6, shortestFloat4));
const float8 = fc
  .oneof(
    fc.double(),
    fc.tuple(fc.integer(), fc.nat(9)).map(([units, scale]) => units / 10 ** scale),
    // Mostly of 16 or 17 digits.
    fc.tuple(fc.integer(), fc.integer({ min: 1, max: 9_999 })).map(([dividend, divisor]) => dividend / divisor),
  )
  .map((value) => printFloat(value, 15, (number) => number.toExponential()));
const uuid = fc.uuid();
/** Around the length up to which text is decoded by character, and of any script. */
const text = fc.oneof(
  fc.string({ unit: 'grapheme-ascii', maxLength: 40, size: 'max' }),
  fc.string({ unit: 'grapheme', maxLength: 20, size: 'max' }),
  fc.string({ unit: fc.constantFrom(...' ,"\\{}NULnulläß世🌍'), maxLength: 12 }),
  fc.constantFrom('', 'NULL', 'null', '{}', '\\x', '"'),
);
const bytea = fc.uint8Array({ maxLength: 300, size: 'max' }).map((bytes) => `\\x${Buffer.from(bytes).toString('hex')}`);

const json = DOCUMENT.map(({ text }) => text);
const inet = fc.tuple(fc.ipV4(), fc.integer({ min: 8, max: 32 })).map(([address, bits]) => `${address}/${bits}`);
const macaddr = fc.constantFrom('08:00:2b:01:02:03', '00:00:00:00:00:00');
const money = fc.constantFrom('$1.50', '-$1,234,567.00', '$0.00');
const time = fc.constantFrom('00:00:00', '12:34:56.789', '24:00:00', '23:59:59.999999');
const numrange = fc.constantFrom('[1,2)', 'empty', '(,5]', '(-Infinity,"1")', '[1.5,)');

/** By OID, with the type's name: every type that is decoded from its bytes, and some others. */
export const PRINTED: readonly (readonly [oid: number, name: string, text: Arbitrary<string>])[] = [
  [16, 'bool', bool],
  [17, 'bytea', bytea],
  [20, 'int8', int8],
  [21, 'int2', int2],
  [23, 'int4', int4],
  [25, 'text', text],
  [26, 'oid', oid],
  [700, 'float4', float4],
  [701, 'float8', float8],
  [1082, 'date', printedDate],
  [1114, 'timestamp', printedTimestamp],
  [1184, 'timestamptz', printedTimestamptz],
  [1700, 'numeric', numeric],
  [2950, 'uuid', uuid],
  [199, 'json[]', arrayOf(json)],
  [3807, 'jsonb[]', arrayOf(json)],
  [1000, 'bool[]', arrayOf(bool)],
  [1001, 'bytea[]', arrayOf(bytea)],
  [1005, 'int2[]', arrayOf(int2)],
  [1007, 'int4[]', arrayOf(int4)],
  [1028, 'oid[]', arrayOf(oid)],
  [1009, 'text[]', arrayOf(text)],
  [1014, 'bpchar[]', arrayOf(text)],
  [1015, 'varchar[]', arrayOf(text)],
  [1016, 'int8[]', arrayOf(int8)],
  [1021, 'float4[]', arrayOf(float4)],
  [1022, 'float8[]', arrayOf(float8)],
  [1040, 'macaddr[]', arrayOf(macaddr)],
  [1041, 'inet[]', arrayOf(inet)],
  [651, 'cidr[]', arrayOf(inet)],
  [791, 'money[]', arrayOf(money)],
  [1008, 'regproc[]', arrayOf(text)],
  [1115, 'timestamp[]', arrayOf(printedTimestamp)],
  [1182, 'date[]', arrayOf(printedDate)],
  [1185, 'timestamptz[]', arrayOf(printedTimestamptz)],
  [1183, 'time[]', arrayOf(time)],
  [1270, 'timetz[]', arrayOf(time.map((of) => `${of}+00`))],
  [1231, 'numeric[]', arrayOf(numeric)],
  [2951, 'uuid[]', arrayOf(uuid)],
  [3907, 'numrange[]', arrayOf(numrange)],
];

function integer(min: number, max: number): Arbitrary<string> {
  return fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, max, 0)).map(String);
}

function printNumeric(units: bigint, scale: number): string {
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0');
  const point = digits.length - scale;
  return `${units < 0n ? '-' : ''}${digits.slice(0, point)}${scale === 0 ? '' : `.${digits.slice(point)}`}`;
}

/** The shortest digits that represent the number; with an exponent of at least two digits below 1e-4 and from 10^`limit` on. */
function printFloat(value: number, limit: number, shortest: (value: number) => string): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [mantissa = '', power = ''] = shortest(Math.abs(value)).split('e');
  const sign = value < 0 ? '-' : '';
  const exponent = Number(power);
  if (exponent < -4 || exponent >= limit) {
    return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  const digits = mantissa.replace('.', '');
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  const fraction = digits.slice(exponent + 1);
  return `${sign}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

function shortestFloat4(value: number): string {
  for (let digits = 0; ; digits++) {
    const text = value.toExponential(digits);
    if (Math.fround(Number(text)) === value) return text;
  }
}

/** Arrays of up to three dimensions. Elements are quoted if required, and sometimes if not. */
function arrayOf(element: Arbitrary<string>): Arbitrary<string> {
  const bare = element.map((item) => (mustBeQuoted(item) ? quote(item) : item));
  const item = fc.oneof(
    { weight: 20, arbitrary: bare },
    { weight: 2, arbitrary: element.map(quote) },
    { weight: 1, arbitrary: fc.constant('NULL') },
  );
  const list = (items: Arbitrary<string>): Arbitrary<string> =>
    fc.array(items, { minLength: 1, maxLength: 6 }).map((each) => `{${each.join()}}`);
  const flat = list(item);
  return fc.oneof(
    { weight: 6, arbitrary: list(bare) },
    { weight: 3, arbitrary: flat },
    { weight: 1, arbitrary: fc.constant('{}') },
    { weight: 1, arbitrary: list(flat) },
    { weight: 1, arbitrary: list(list(flat)) },
    { weight: 1, arbitrary: fc.tuple(fc.integer(), flat).map(([low, of]) => `[${low}:${low + 5}]=${of}`) },
    { weight: 1, arbitrary: list(flat).map((of) => `[0:1][-2:3]=${of}`) },
  );
}

/** Whether array_out would quote it. */
function mustBeQuoted(item: string): boolean {
  return item === '' || /^null$/i.test(item) || /["\\{},\s]/.test(item);
}

function quote(item: string): string {
  return `"${item.replace(/["\\]/g, '\\$&')}"`;
}
