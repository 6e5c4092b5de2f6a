import fc from 'fast-check';
import pg from 'pg';
import { parseArray } from '../../../lib/pgoutput/values/array-text';
import { garbage, nearMiss } from '../support/near-misses';
import { PRINTED } from '../support/printed';
import { measureProcessorTime } from '../../support/processor-time';

function read(text: string, delimiter = ','): unknown[] {
  return parseArray(text, delimiter, (element) => element);
}

describe('an array', () => {
  it.each([
    ['{}', []],
    ['{a}', ['a']],
    ['{NULL,"NULL",null,"",nulls}', [null, 'NULL', 'null', '', 'nulls']],
    ['{"a,b","{c}","d\\"e\\\\f"," g "}', ['a,b', '{c}', 'd"e\\f', ' g ']],
    ['{"\\\\","\\"","\\a"}', ['\\', '"', 'a']],
    ['{{a,b},{c,NULL}}', [['a', 'b'], ['c', null]]], // prettier-ignore
    ['{{{{{{a}}}}}}', [[[[[['a']]]]]]],
    ['[0:1]={a,b}', ['a', 'b']],
    ['[-2:-1][3:3]={{a},{b}}', [['a'], ['b']]],
    ['{🌍,"ß\n"}', ['🌍', 'ß\n']],
  ])('is parsed with its dimensions, quotes and NULL: %s', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  it('uses the delimiter of its element type', () => {
    expect(read('{(1,1),(0,0);(2,2),(1,1)}', ';')).toEqual(['(1,1),(0,0)', '(2,2),(1,1)']);
    expect(read('{{"a;b"};{c,d}}', ';')).toEqual([['a;b'], ['c,d']]);
  });

  it('passes each element except NULL to the parser', () => {
    expect(parseArray('{1,"2",NULL,"NULL"}', ',', (element) => `<${element}>`)).toEqual(['<1>', '<2>', null, '<NULL>']);
  });

  it.each(PRINTED.filter(([, name]) => ['int4[]', 'text[]'].includes(name)))(
    'equals the result of pg’s parser for any text that PostgreSQL prints: %i, %s',
    (oid, name, text) => {
      const parse = pg.types.getTypeParser(oid, 'text');
      const parseElement = name === 'int4[]' ? Number : String;
      fc.assert(
        fc.property(text, (printed) => {
          expect(parseArray(printed, ',', parseElement)).toEqual(parse(printed));
        }),
        { numRuns: 1000 },
      );
    },
  );

  it('is parsed as it was printed, whatever its elements and delimiter', () => {
    const element = fc.option(
      fc.oneof(fc.string({ unit: fc.constantFrom(...'{}",;\\ NUL\n🌍a') }), fc.constantFrom('', 'NULL', 'null')),
    );
    const sizes = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 6 });
    const property = fc.property(
      sizes,
      fc.infiniteStream(element),
      fc.constantFrom(',', ';'),
      (dimensions, next, by) => {
        const make = ([length, ...inner]: number[]): unknown[] =>
          Array.from({ length: length! }, () => (inner.length > 0 ? make(inner) : next.next().value));
        const array = make(dimensions);
        expect(read(print(array, by), by)).toEqual(array);
      },
    );
    fc.assert(property, { numRuns: 500 });
  });
});

/** Prints an array as array_out does. */
function print(value: unknown, by: string): string {
  if (Array.isArray(value)) return `{${value.map((element) => print(element, by)).join(by)}}`;
  if (value === null) return 'NULL';
  const text = value as string;
  const isBare = text !== '' && !/^null$/i.test(text) && !/["\\{}\s]/.test(text) && !text.includes(by);
  return isBare ? text : `"${text.replace(/["\\]/g, '\\$&')}"`;
}

describe('text that is not an array', () => {
  it.each([
    ['', 'one to 6 opening braces at character 1 of 0'],
    ['a', 'one to 6 opening braces at character 1 of 1'],
    ['{', 'an element at character 2'],
    ['{a', '\'}\' or "," at character 3'],
    ['{a}}', 'the end at character 4'],
    ['{a}{b}', 'the end at character 4'],
    ['{a} ', 'the end at character 4'],
    [' {a}', 'opening braces at character 1'],
    ['{a,}', 'an element at character 4'],
    ['{,a}', 'an element at character 2'],
    ['{,}', 'an element'],
    ['{{}}', 'an element at character 3'],
    ['{{},{}}', 'an element'],
    ['{"a', 'the closing quote'],
    ['{"a\\', 'the closing quote'],
    ['{"a\\"}', 'the closing quote'],
    ['{"a""b"}', '\'}\' or "," at character 5'],
    ['{"a"b}', '\'}\' or "," at character 5'],
    ['{a"b"}', 'it to be in quotes at character 3'],
    ['{a\\b}', 'it to be in quotes at character 3'],
    ['{a{b}}', 'it to be in quotes at character 3'],
    ['{a,{b}}', 'it to be in quotes at character 4'],
    ['{{a},b}', "'{' at character 6"],
    ['{{a},{{b}}}', 'it to be in quotes'],
    ['{{{{{{{a}}}}}}}', 'one to 6 opening braces'],
    ['[0:1]', 'one to 6 opening braces at character 1'],
    ['[0:1={a}', 'opening braces'],
    ['[0:99999999999]={a}', 'opening braces'],
    ['[0:1]={}}', 'an element'],
  ])('is an error with the position: %j', (text, expected) => {
    expect(() => read(text)).toThrow(expected);
  });

  it('is rejected or parsed, and never ends the process', () => {
    const text = fc.oneof(garbage, nearMiss(fc.constantFrom('{{a,"b"},{c,NULL}}', '[0:1]={a,"\\\\"}')));
    const property = fc.property(text, (bad) => {
      try {
        expect(Array.isArray(read(bad))).toBe(true);
      } catch (error) {
        expect((error as Error).message).toMatch(/^expected .* at character \d+ of \d+$/);
      }
    });
    fc.assert(property, { numRuns: 1000 });
  });

  it.each([
    ['braces', '{'],
    ['nested arrays', '{a,{'],
    ['quotes', '{"'],
    ['backslashes', '\\'],
    ['elements', 'a,'],
    ['bounds', '[1:1]'],
    ['quoted elements', '"a",'],
  ])('is parsed to its end or the first error in linear time: %s', (_, piece) => {
    const text = `{${piece.repeat(2_000_000 / piece.length)}`;
    const ms = measureProcessorTime(() => {
      expect(() => read(text)).toThrow('expected');
    });
    expect(ms).toBeLessThan(5_000);
  });
});
