import fc from 'fast-check';
import { parseName, parseTableName, formatQualifiedName, formatTableName } from '../../../lib/pgoutput/messages/table';

/** Any name that PostgreSQL allows, mostly of characters that separate names. */
const NAME = fc.string({ unit: fc.constantFrom('a', 'b', '.', '"', '[', ' ', 'ä'), minLength: 1, maxLength: 6 });
const OBJECT = fc.record({ schema: fc.oneof(fc.constant('public'), NAME), name: NAME });

describe('the name of a table', () => {
  it.each([
    ['public', 'users', 'users'],
    ['billing', 'invoices', 'billing.invoices'],
    ['a', 'b', 'a.b'],
    ['public', 'a.b', '"a.b"'],
    ['a', 'b.c', 'a."b.c"'],
    ['a.b', 'c', '"a.b".c'],
    ['public', 'so "it" is', '"so ""it"" is"'],
    ['My Own', "It's", "My Own.It's"],
    ['public', 'public.users', '"public.users"'],
    ['Public', 'users', 'Public.users'],
  ])('of schema %s, %s, is %s', (schema, name, table) => {
    expect(formatTableName(schema, name)).toBe(table);
    expect(parseTableName(table)).toStrictEqual({ schema, name });
  });

  it.each([
    ['public.users', 'public', 'users'],
    ['"users"', 'public', 'users'],
    ['"public"."users"', 'public', 'users'],
    ['"billing".invoices', 'billing', 'invoices'],
  ])('may be written with the default schema, or with quotes that are not required: %s', (text, schema, name) => {
    expect(parseTableName(text)).toStrictEqual({ schema, name });
  });

  it.each(['', '.', 'a.', '.b', 'a.b.c', 'a"b', '"a', 'a"', '""', '"a"b', '"a".', 'a."b"c', '"a"."b"."c"', '"a""'])(
    'cannot be %j',
    (text) => {
      expect(parseTableName(text)).toBeUndefined();
    },
  );

  it('is unique', () => {
    fc.assert(
      fc.property(OBJECT, ({ schema, name }) => {
        expect(parseTableName(formatTableName(schema, name))).toStrictEqual({ schema, name });
        expect(parseName(formatQualifiedName(schema, name))).toStrictEqual({ schema, name });
      }),
    );
  });

  it('is parsed in time proportional to its length', () => {
    const text = `${'"a""b'.repeat(200_000)}.`;
    expect(parseTableName(text)).toBeUndefined();
    expect(parseTableName(`"${'""'.repeat(200_000)}"`)?.name).toHaveLength(200_000);
  });
});
