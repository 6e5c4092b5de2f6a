import fc from 'fast-check';
import { parseRecord } from '../../../lib/pgoutput/values/record-text';
import { garbage, nearMiss } from '../support/near-misses';
import { measureProcessorTime } from '../../support/processor-time';

describe('a record', () => {
  it.each([
    ['()', [null]],
    ['(,)', [null, null]],
    ['("")', ['']],
    ['(1,abc,)', ['1', 'abc', null]],
    ['("a,b","(c)","d""e\\\\f"," g ")', ['a,b', '(c)', 'd"e\\f', ' g ']],
    ['("""","\\\\","""""")', ['"', '\\', '""']],
    ['("{""a"",b}",NULL)', ['{"a",b}', 'NULL']],
    ['({1},[x])', ['{1}', '[x]']],
    ['("(1,""(2,"""")"")")', ['(1,"(2,"")")']],
    ['(🌍,"ß\n")', ['🌍', 'ß\n']],
  ])('is parsed with its quotes and NULL: %s', (text, expected) => {
    expect(parseRecord(text)).toEqual(expected);
  });

  it('is parsed as it was printed, whatever its fields', () => {
    const field = fc.option(
      fc.oneof(fc.string({ unit: fc.constantFrom(...'()",\\ NUL\n🌍a{}') }), fc.constantFrom('', 'NULL')),
    );
    const property = fc.property(fc.array(field, { minLength: 1 }), (fields) => {
      expect(parseRecord(print(fields))).toEqual(fields);
    });
    fc.assert(property, { numRuns: 1000 });
  });
});

/** Prints a record as record_out does. */
function print(fields: readonly (string | null)[]): string {
  const printed = fields.map((field) => {
    if (field === null) return '';
    return field === '' || /["\\(),\s]/.test(field) ? `"${field.replace(/["\\]/g, '$&$&')}"` : field;
  });
  return `(${printed.join()})`;
}

describe('text that is not a record', () => {
  it.each([
    ['', "'(' at character 1 of 0"],
    ['a', "'(' at character 1"],
    ['(', "',' or ')' at character 2"],
    ['(a', "',' or ')' at character 3"],
    ['(a,', "',' or ')' at character 4"],
    ['(a))', 'the end at character 4'],
    ['(a) ', 'the end at character 4'],
    [' (a)', "'(' at character 1"],
    ['("a', 'the closing quote'],
    ['("a""', 'the closing quote'],
    ['("a\\', 'the closing quote'],
    ['("a"b)', "',' or ')' at character 5"],
    ['(a"b")', 'it to be in quotes at character 3'],
    ['(a\\b)', 'it to be in quotes at character 3'],
    ['((a))', 'it to be in quotes at character 2'],
  ])('is an error with the position: %j', (text, expected) => {
    expect(() => parseRecord(text)).toThrow(expected);
  });

  it('is rejected or parsed, and never ends the process', () => {
    const text = fc.oneof(garbage, nearMiss(fc.constantFrom('(1,"a ""b""",)', '("(1,""x"")",2)')));
    const property = fc.property(text, (bad) => {
      try {
        expect(parseRecord(bad).length).toBeGreaterThan(0);
      } catch (error) {
        expect((error as Error).message).toMatch(/^expected .* at character \d+ of \d+$/);
      }
    });
    fc.assert(property, { numRuns: 1000 });
  });

  it.each(['(', '"', '""', 'a,', '\\', '"",', ','])(
    'is parsed to its end or the first error in linear time: %j',
    (piece) => {
      const text = `(${piece.repeat(2_000_000 / piece.length)}`;
      const ms = measureProcessorTime(() => {
        expect(() => parseRecord(text)).toThrow('expected');
      });
      expect(ms).toBeLessThan(5_000);
    },
  );
});
