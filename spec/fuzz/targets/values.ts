import { BUILT_IN_TYPES } from '../../../lib/pgoutput/built-in-types';
import { defaultTypes, textParser, type TextParser } from '../../../lib/pgoutput/values';
import { protocolError } from '../outcome';
import { Finding, type Target } from '../target';

/** One type for each parser that there is. */
export const PARSERS: ReadonlyMap<number, TextParser> = new Map(
  [...new Map([...BUILT_IN_TYPES.values()].map((oid) => [defaultTypes.getTypeParser(oid, 'text'), oid])).values()].map(
    (oid) => [oid, textParser(defaultTypes, 'public.t', { name: 'c', key: false, typeOid: oid, typeModifier: -1 })],
  ),
);

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

/** Each text goes through the parser of every type, whether or not it is one of that type. */
export const values: Target = {
  name: 'values',
  seeds: TEXTS.map((text) => [Buffer.from(text)]),
  run(parts) {
    // As the decoder reads it: what is no UTF-8 becomes U+FFFD.
    const text = Buffer.concat(parts).toString('utf8');
    let refused = 0;
    for (const [oid, parse] of PARSERS) {
      try {
        parse(text);
      } catch (error) {
        refused++;
        const said = protocolError(error);
        if (!said.includes(`Column c of public.t (type OID ${oid})`))
          throw new Finding(`It does not name the column: ${said}`);
        if (text.length > 20 && said.includes(text)) throw new Finding(`It shows the value: ${said}`);
      }
    }
    return refused < PARSERS.size / 2 ? 'mostly values' : 'mostly refusals';
  },
};
