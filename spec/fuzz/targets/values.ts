import { isUtf8 } from 'node:buffer';
import { BUILT_IN_TYPES } from '../../../lib/pgoutput/types/built-in-types';
import { ValueError } from '../../../lib/pgoutput/values/value-error';
import { defaultTypes } from '../../../lib/pgoutput/values/values';
import { readType, isSameReading, type ReadType, type Reading } from '../../pgoutput/support/readings';
import { protocolError } from '../outcome';
import { BrokenRule, type Target } from '../target';

/** Types with a specific decoder; each represents those with the same decoder and parser. */
const FROM_BYTES = [16, 17, 20, 21, 700, 1000, 1005, 1009, 1016, 1021, 1082, 1114, 1184];

/** One type for each parser, and for each decoder. */
const OIDS: ReadonlySet<number> = new Set([
  ...new Map([...BUILT_IN_TYPES.values()].map((oid) => [defaultTypes.getTypeParser(oid, 'text'), oid])).values(),
  ...FROM_BYTES,
]);
export const TYPES: readonly ReadType[] = [...OIDS].map(readType);

const TEXTS = [
  ...['t', 'f', '', '-32768', '9223372036854775807', '1.5e-7', 'NaN', '-Infinity', '123456789.10', 'Grüße, 世界 🌍'],
  ...['{"a": [1, null, "b"]}', '[[[]]]', '"\\u0000"', '\\x00ff10', '\\000\\\\abc', '2024-02-29', '0044-03-15 BC'],
  ...['2024-02-29 12:34:56.789123+00', '294276-12-31 23:59:59.999999+15:59:59', '4713-01-01 00:00:00-07:52:58 BC'],
  ...[
    'infinity',
    '-infinity',
    '24:00:00',
    '1 year 2 mons -3 days -04:05:06.5',
    '(1.5,-2)',
    '<(1,2),3>',
    '{}',
    '{t,f,NULL}',
  ],
  ...['{{1,2},{3,NULL}}', '[0:1][2:3]={{1,2},{3,4}}', '{a,"b,\\"c\\"",NULL,"NULL",""}', '{"{\\"a\\": 1}",NULL}'],
  ...['{"\\\\x00ff",NULL}', '{"2024-02-29 12:00:00+00",infinity}', '{2024-02-29,NULL}', '{"1 day","02:00:00"}'],
  ...['{"(1,2)","(3,4)"}', '{1.5,NaN,-Infinity}', '{9223372036854775807}'],
];

/** The position of the value in its message. A decoder that reads outside it reads beyond the value. */
const [BEFORE, AFTER] = [Buffer.from('{"-1'), Buffer.from('-1"}')];

/** Each text goes through the decoders of all types, whether or not it is valid. */
export const values: Target = {
  name: 'values',
  seeds: TEXTS.map((text) => [Buffer.from(text)]),
  run(parts) {
    const bytes = Buffer.concat([BEFORE, ...parts, AFTER]);
    const [start, end] = [BEFORE.length, bytes.length - AFTER.length];
    const isText = isUtf8(bytes.subarray(start, end));
    // In invalid UTF-8, the parsers would find U+FFFD.
    const text = bytes.toString('utf8', start, end);
    let refused = 0;
    for (const type of TYPES) {
      const reading = type.byReader(bytes, start, end);
      if ('error' in reading) {
        refused++;
        const said = protocolError(reading.error);
        if (!said.includes(`Column c of public.t (type OID ${type.oid})`))
          throw new BrokenRule(`It does not name the column: ${said}`);
        if (text.length > 20 && said.includes(text)) throw new BrokenRule(`It shows the value: ${said}`);
      }
      if (!isText) {
        if (!isRefusedAsText(reading)) throw new BrokenRule(`Type ${type.oid} takes what is not UTF-8`);
        continue;
      }
      if (!FROM_BYTES.includes(type.oid)) continue;
      const expected = type.byParser(text);
      if (!isSameReading(reading, expected) && !isTooDeep(reading) && !isTooDeep(expected))
        throw new BrokenRule(`Type ${type.oid} reads not as pg's parser does: ${JSON.stringify(text.slice(0, 100))}`);
    }
    return refused < TYPES.length / 2 ? 'mostly values' : 'mostly refusals';
  },
};

/** Verifies that a value with bytes that no type prints is rejected for that reason. */
function isRefusedAsText(reading: Reading): boolean {
  return (
    'error' in reading &&
    reading.error instanceof ValueError &&
    reading.error.message.includes('has a value that is not valid UTF-8')
  );
}

/** The depth at which the stack overflows differs between calls. */
function isTooDeep(reading: Reading): boolean {
  return 'error' in reading && reading.error instanceof Error && reading.error.cause instanceof RangeError;
}
