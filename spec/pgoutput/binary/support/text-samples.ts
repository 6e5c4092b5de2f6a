import fc, { type Arbitrary } from 'fast-check';

/** Texts that must be quoted in some form of printing, and similar ones. */
export const quotedText: Arbitrary<string> = fc.oneof(
  fc.string({ unit: fc.constantFrom(...' ,;"\\\'{}()[]NULnulaäß世🌍\t\n\r\v\f\u00a0\u2003\ufeff'), maxLength: 8 }),
  fc.constantFrom('', 'NULL', 'null', 'Null', 'NULLS', '{}', '()', '"', '\\', ' ', 'empty', 'a b', '\u00a0', '\v'),
);

const operand = fc.constantFrom('a', 'b:*', 'c:AB', `'it''s'`, 'ä');
const operator = fc.constantFrom('&', '|', '<->', '<2>');

/** Queries with parentheses everywhere, necessary or not. */
export const printedTsquery: Arbitrary<string> = fc.letrec<{ query: string }>((tie) => ({
  query: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    operand,
    fc.tuple(tie('query'), operator, tie('query')).map(([left, symbol, right]) => `(${left} ${symbol} ${right})`),
    tie('query').map((query) => `!(${query})`),
  ),
})).query;
