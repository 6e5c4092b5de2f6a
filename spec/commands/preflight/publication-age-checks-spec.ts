import { checkPublicationAge } from '../../../lib/commands/preflight/publication-age-checks';
import { runRoutine, done, buildError, rows, type Server } from '../support/converse';

/** A server on which the age of publication `late` is unknown, and the response to its decoding query. */
const serverOf =
  (decoding: ReturnType<Server>): Server =>
  (said) => {
    if (said.kind !== 'query') throw new Error(`A ${said.kind} is not expected`);
    if (said.sql.startsWith('SET ')) return done();
    return said.sql.includes('peek') ? decoding : rows({ pubname: 'late' });
  };
const check = (server: Server) => runRoutine(checkPublicationAge(['late'], 'orders'), server);

it('a publication whose age cannot be determined in time may be younger', () => {
  const { value, sql, untimed } = check(serverOf(buildError({ sqlState: '57014' })));
  expect(value).toMatchObject([{ code: 'PUBLICATION_AGE_UNCERTAIN', severity: 'warning' }]);
  expect(value?.[0]?.message).toBe('Publication "late" may be newer than changes that slot "orders" has not sent yet.');
  // The server ends the query, rather than connectTimeout.
  expect(untimed).toEqual([expect.stringContaining('peek')]);
  const peeking = sql.findIndex((text) => text.includes('peek'));
  expect(sql[peeking - 1]).toMatch(/^SET statement_timeout = [1-9]\d*$/);
  expect(sql[peeking + 1]).toBe('SET statement_timeout = 0');
});

it('another failure of decoding is not a finding', () => {
  expect(check(serverOf(buildError({ sqlState: '55006' }))).value).toEqual([]);
});

it('nothing is decoded if the publication is certainly older', () => {
  const { value, sql } = check(() => rows());
  expect([value, sql.length]).toEqual([[], 1]);
});
