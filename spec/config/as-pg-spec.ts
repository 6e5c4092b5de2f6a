import fc from 'fast-check';
import { parse } from 'pg-connection-string';
import { parseConnectionString } from '../../lib/config/connection-string';

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).filter((one) => !one.includes('\0'));
const name = fc.stringMatching(/^[a-z0-9_]{1,12}$/);
const optional = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(values, { nil: undefined });

/** Valid URIs: all special characters are percent-encoded. */
const uris = fc
  .record({
    user: text,
    password: optional(text),
    host: fc.oneof(fc.domain(), fc.ipV4(), fc.constant('[::1]'), fc.constant('%2Frun%2Fpostgresql')),
    port: optional(fc.integer({ min: 1, max: 65535 })),
    database: optional(name),
    application: optional(text),
  })
  .map(({ user, password, host, port, database, application }) => {
    const credentials = [user, ...(password === undefined ? [] : [password])].map(encodeURIComponent).join(':');
    const place = `${host}${port === undefined ? '' : `:${port}`}${database === undefined ? '' : `/${database}`}`;
    const query = application === undefined ? '' : `?application_name=${encodeURIComponent(application)}`;
    return `postgres://${credentials}@${place}${query}`;
  });

/** The parameters without empty ones. */
function said(entries: Iterable<readonly [string, unknown]>): object {
  return Object.fromEntries([...entries].filter(([, value]) => value !== '' && value !== null && value !== undefined));
}

it('a correctly encoded URI has the same meaning as in pg', () => {
  fc.assert(
    fc.property(uris, (uri) => {
      expect(said(parseConnectionString('connection', uri))).toEqual(said(Object.entries(parse(uri))));
    }),
    { numRuns: 1000 },
  );
});
