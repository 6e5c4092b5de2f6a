import type { ConsumerEvent, Span, UnitKind } from './events';
import { InvariantChecker } from './invariant-checker';

/** The events of a unit with the end LSN `end`. */
function unit(end: number, more: { kind?: UnitKind; xid?: number; gid?: string } = {}): Span {
  return { kind: 'transaction', xid: end, end: String(end), ...more };
}

const open = (slot: number, start?: number): ConsumerEvent => ({
  event: 'open',
  slot: String(slot),
  ...(start !== undefined && { start: String(start) }),
});
const deliver = (of: Span, size = 1): ConsumerEvent => ({ event: 'deliver', ...of, size, spooled: false });
const work = (of: Span): ConsumerEvent => ({ event: 'work', ...of });
const failed = (of: Span): ConsumerEvent => ({ event: 'failed', ...of });
const done = (of: Span, digest = 'rows'): ConsumerEvent => ({ event: 'done', ...of, digest });
const status = (confirmed: number): ConsumerEvent => ({ event: 'status', confirmed: String(confirmed) });
const stopping: ConsumerEvent = { event: 'stopping', state: 'a work runs' };
const completed: ConsumerEvent = { event: 'completed', code: '', message: '', spools: 0 };
const ended: ConsumerEvent = { event: 'ended', code: 'WORK_FAILED', message: 'Error: WORK_FAILED', spools: 0 };
const attempt: ConsumerEvent = { event: 'attempt', attempt: 1, delay: 10, code: 'CONNECTION_LOST' };

/** All events of a unit, in order. */
const through = (of: Span): ConsumerEvent[] => [deliver(of), work(of), done(of), { event: 'acknowledged', ...of }];

function listViolations(events: readonly ConsumerEvent[], keepsPosition = false): string[] {
  const checker = new InvariantChecker('it', keepsPosition);
  for (const event of events) checker.observe(event);
  return checker.violations;
}

const prepared = unit(20, { kind: 'preparedTransaction', xid: 7, gid: 'g' });
const commitPrepared = unit(30, { kind: 'commitPrepared', xid: 7, gid: 'g' });
const rollbackPrepared = unit(30, { kind: 'rollbackPrepared', xid: 7, gid: 'g' });

it.each<[string, ConsumerEvent[]]>([
  [
    'a stream that is told to stop, has all done and confirmed, and completes',
    [...through(unit(20)), status(20), stopping, completed],
  ],
  [
    'a stop that ends with an error, as a work has failed',
    [deliver(unit(20)), work(unit(20)), stopping, failed(unit(20)), ended],
  ],
  ['a prepared transaction that is committed', [...through(prepared), ...through(commitPrepared), status(30)]],
  ['a prepared transaction that is rolled back', [...through(prepared), ...through(rollbackPrepared), status(30)]],
  ['a rollback of a prepared transaction that was never read', through(rollbackPrepared)],
  [
    'the transaction that the stop came in, delivered to its end',
    [stopping, ...through(unit(20)), status(20), completed],
  ],
])('accepts %s', (_, events) => {
  expect(listViolations([open(10), ...events])).toEqual([]);
});

it.each<[string, ConsumerEvent[], RegExp]>([
  [
    'a completion with a work that has failed',
    [deliver(unit(20)), work(unit(20)), failed(unit(20)), attempt, stopping, completed],
    /untruly .* up to 0\/14 was not done/,
  ],
  [
    'a completion with a work that runs',
    [deliver(unit(20)), work(unit(20)), stopping, completed],
    /untruly .* up to 0\/14 was not done/,
  ],
  [
    'a completion with a work that is done and not confirmed',
    [...through(unit(20)), status(10), stopping, completed],
    /untruly .* done up to 0\/14, and had confirmed up to 0\/A/,
  ],
  ['a completion without a stop', [completed], /nobody told it to stop/],
  ['a final error without a stop', [ended], /gave up: WORK_FAILED/],
  ['another attempt after a stop', [stopping, attempt], /tried again after it was told to stop .*CONNECTION_LOST/],
  [
    'two transactions that are delivered after a stop',
    [stopping, deliver(unit(20)), deliver(unit(30))],
    /delivered more after it was told to stop/,
  ],
  [
    'a prepared transaction that is confirmed before it is stored',
    [deliver(prepared), work(prepared), status(20)],
    /0\/14 was confirmed while what ends at 0\/14 was not done/,
  ],
  [
    'a commit of what was never prepared',
    [deliver(commitPrepared)],
    /g\/7 was committed and had never come as prepared/,
  ],
  [
    'a prepared transaction with two ends',
    [...through(prepared), ...through(commitPrepared), ...through({ ...rollbackPrepared, end: '40' })],
    /g\/7 was committed, then rolled back/,
  ],
  [
    'a transaction that comes again with other rows',
    [
      ...through(unit(20)),
      attempt,
      open(10),
      deliver(unit(20)),
      work(unit(20)),
      failed(unit(20)),
      work(unit(20)),
      done(unit(20), 'others'),
    ],
    /came again with other rows/,
  ],
  [
    'a transaction that comes again with another size',
    [deliver(unit(20)), attempt, open(10), deliver(unit(20), 2)],
    /came again otherwise/,
  ],
  [
    'transactions that come in the wrong order',
    [deliver(unit(30)), deliver(unit(20))],
    /up to 0\/14 came behind 0\/1E/,
  ],
  ['a transaction that ends where the stream started', [deliver(unit(10))], /came though the stream started at 0\/A/],
  [
    'a work that is started while it runs',
    [deliver(unit(20)), work(unit(20)), work(unit(20))],
    /was started while it ran/,
  ],
  ['a violation that the consumer reports', [{ event: 'wrong', what: 'change 3 has ordinal 4' }], /ordinal 4/],
])('detects %s', (_, events, sentence) => {
  const violations = listViolations([open(10), ...events]);
  expect(violations.some((violation) => sentence.test(violation))).toBe(true);
});

it('detects what a store has twice, and a slot that is ahead of it', () => {
  const again = [...through(unit(20)), attempt, open(10), ...through(unit(20))];
  expect(listViolations([open(10), ...again], true)).toContain('it: the transaction up to 0/14 was stored twice');
  expect(listViolations([open(10), ...through(unit(20)), open(30)], true)).toEqual([
    'it: the slot, at 0/1E, was ahead of the store, at 0/14',
  ]);
});

it('lists prepared transactions without an end', () => {
  const checker = new InvariantChecker('it', false);
  for (const event of [open(10), ...through(prepared)]) checker.observe(event);
  expect(checker.open).toEqual(['g/7']);
  expect(checker.digests).toEqual(new Map());
  for (const event of through(commitPrepared)) checker.observe(event);
  expect(checker.open).toEqual([]);
  expect(checker.digests).toEqual(new Map([[7, 'rows']]));
});

it('counts open spool files on completion, but not work of an earlier subscription', () => {
  expect(listViolations([open(10), stopping, { ...completed, spools: 2 }])).toEqual([
    'it: completed with 2 spool files open',
  ]);
  const checker = new InvariantChecker('it', false);
  for (const event of [open(10), deliver(unit(20)), work(unit(20)), stopping, ended]) checker.observe(event);
  checker.subscribed();
  for (const event of [stopping, completed]) checker.observe(event);
  expect(checker.violations).toEqual([]);
});
