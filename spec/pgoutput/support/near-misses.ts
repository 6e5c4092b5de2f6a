import fc, { type Arbitrary } from 'fast-check';

/** Characters of numbers, dates, arrays and bytea, and some others. */
const symbol = fc.constantFrom(...'0123456789-:+. {}",\\xNULteE[]=TZ/BCß', '00', '--', '""', '\\"', ' BC');

/** Texts composed of these characters. */
export const garbage: Arbitrary<string> = fc.array(symbol, { maxLength: 30 }).map((symbols) => symbols.join(''));

/** A text with a few characters inserted, removed or replaced. */
export function nearMiss(text: Arbitrary<string>): Arbitrary<string> {
  const change = fc.tuple(fc.nat(), fc.nat(1), fc.option(symbol, { nil: '' }));
  return fc.tuple(text, fc.array(change, { minLength: 1, maxLength: 3 })).map(([whole, changes]) =>
    changes.reduce((made, [where, removed, added]) => {
      const at = where % (made.length + 1);
      return made.slice(0, at) + added + made.slice(at + removed);
    }, whole),
  );
}
