import fc from 'fast-check';
import { from } from 'rxjs';
import { transactions } from '../../../lib/operators/transactions/transactions';
import { decodeAny } from '../../pgoutput/support/decode';
import { Clock } from '../../support/clock';
import { FakeBackend } from '../../support/fake-backend';
import { record, streamingAny } from '../../support/streaming';
import { randomStream, scripts, turns } from '../support/random-streams';
import { Spools } from '../support/spools';
import { assemble, describeTransactions } from '../support/streamed';

describe('random transactions with savepoints, streamed in random blocks', () => {
  let spools: Spools;

  beforeEach(() => {
    spools = new Spools();
  });

  afterEach(() => {
    spools.end();
  });

  it('equal the same transactions sent as wholes, from memory or from spool files, none of which is left', () => {
    fc.assert(
      fc.property(scripts, turns, fc.constantFrom(0, 300, 1_000_000), (all, order, maxBytes) => {
        const { payloads, whole } = randomStream(all, order);
        const { values, error } = record(
          from(decodeAny(payloads)).pipe(transactions({ maxBytes, spoolDirectory: spools.folder })),
        );
        expect([error, values.map(describeTransactions)]).toStrictEqual([undefined, assemble(whole)]);
        for (const unit of values) expect(unit.ack()).toBe(true);
        expect([spools.open, spools.visible]).toEqual([[], []]);
      }),
      { numRuns: 300 },
    );
    expect(spools.made).toBeGreaterThan(0);
  });

  it('are confirmed in the order in which they end, whatever the order of acknowledgement', () => {
    fc.assert(
      fc.property(scripts, turns, fc.array(fc.nat(), { minLength: 20, maxLength: 20 }), (all, order, dice) => {
        const clock = new Clock();
        const server = new FakeBackend(clock);
        const { payloads, whole, endLsn } = randomStream(all, order);
        const statuses: number[] = [];
        const heard = record(
          streamingAny(server, {
            streaming: 'parallel',
            twoPhase: true,
            statusObserver: { next: ({ unackedBytes }) => statuses.push(unackedBytes) },
          }).pipe(transactions()),
        );
        clock.advance();
        server.last.push(...payloads);
        expect(heard.values.map(describeTransactions)).toStrictEqual(assemble(whole));
        const waiting = heard.values.map((unit) => ({ unit, done: false }));
        for (const die of dice) {
          const one = waiting[die % Math.max(1, waiting.length)];
          if (one) one.done = one.unit.ack();
          clock.advance(10);
          const settled = waiting.findIndex(({ done }) => !done);
          const { confirmed } = server.slot();
          // Everything that ended before the oldest unacknowledged transaction was either acknowledged or empty.
          const last = settled < 0 ? undefined : waiting[settled]?.unit;
          expect(last === undefined || confirmed < last.endLsn).toBe(true);
          const before = settled < 0 ? waiting.at(-1)?.unit : waiting[settled - 1]?.unit;
          expect(before === undefined || confirmed >= before.endLsn).toBe(true);
        }
        for (const { unit } of waiting) unit.ack();
        clock.advance(10);
        // Without a commit, nothing is confirmed.
        expect(server.slot().confirmed).toBe(endLsn === 0x1000n ? 0x80n : endLsn);
        expect(statuses.at(-1)).toBe(0);
        heard.subscription.unsubscribe();
        clock.advance(100);
      }),
      { numRuns: 150 },
    );
  });
});
