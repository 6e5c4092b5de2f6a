import fc from 'fast-check';
import type { PositionOwner } from '../../lib/ledger/unit-ledger';
import type { WindowLimits } from '../../lib/ledger/window';
import { Model, Real } from './support/ledger-model';
import {
  acknowledge,
  acknowledgeKeepalive,
  acknowledgeOldest,
  begin,
  change,
  close,
  commit,
  drop,
  endPrepared,
  keepalive,
  prepare,
  progress,
  single,
  stopAfterLast,
  stopBefore,
} from './support/ledger-steps';
import { abort, acknowledgeStreamed, endStream, enterBlock, leaveBlock, streamed } from './support/ledger-stream-steps';

const bytes = fc.integer({ min: 1, max: 60 });
const forward = fc.bigInt(1n, 100n);
const around = fc.bigInt(-150n, 300n);
const often = fc.nat(50);
const xids = fc.constantFrom(10, 20, 30);
const subs = fc.nat(2);

const steps = [
  fc.boolean().map(begin),
  fc.tuple(bytes, fc.integer({ min: 0, max: 5 })).map(([bytes, dice]) => change(bytes, dice === 0)),
  bytes.map((bytes) => change(bytes, false)),
  fc.tuple(forward, bytes).map(([distance, bytes]) => commit(distance, bytes)),
  fc.tuple(forward, bytes).map(([distance, bytes]) => single(distance, bytes)),
  fc.tuple(forward, bytes).map(([distance, bytes]) => prepare(distance, bytes)),
  fc.tuple(often, forward, bytes).map(([pick, distance, bytes]) => endPrepared(pick, distance, bytes)),
  fc.tuple(xids, fc.boolean()).map(([xid, gathering]) => enterBlock(xid, gathering)),
  fc.tuple(bytes, subs, fc.integer({ min: 0, max: 5 })).map(([bytes, sub, dice]) => streamed(bytes, sub, dice === 0)),
  fc.tuple(bytes, subs).map(([bytes, sub]) => streamed(bytes, sub, false)),
  fc.constant(leaveBlock()),
  fc.tuple(often, subs).map(([pick, sub]) => abort(pick, sub)),
  fc
    .tuple(fc.constantFrom('commit' as const, 'commit' as const, 'prepare' as const), often, forward, bytes, bytes)
    .map(([kind, pick, distance, bytes, held]) => endStream(kind, pick, distance, bytes, held)),
  around.map(keepalive),
  around.map(progress),
  often.map(acknowledge),
  often.map(acknowledgeKeepalive),
  often.map(drop),
  fc.constant(acknowledgeOldest()),
  fc.constant(acknowledgeOldest()),
];
const ends = [
  often.map(acknowledgeStreamed),
  fc.constantFrom('begin' as const, 'single' as const, 'commit' as const, 'prepare' as const).map(stopBefore),
  fc.option(around, { nil: undefined }).map(stopAfterLast),
  fc.constant(close()),
];

const windows = fc.record({ messages: fc.integer({ min: 1, max: 8 }), bytes: fc.integer({ min: 1, max: 300 }) });

/** Mostly streams that do not end; and streams that may stop or close, and go on to be acknowledged. */
const openStreams = fc.tuple(windows, fc.commands(steps, { maxCommands: 80, size: 'max' }));
const endingStreams = fc.tuple(
  windows,
  fc.commands([...steps, ...steps, ...steps, ...ends], { maxCommands: 60, size: 'max' }),
);

describe.each<PositionOwner>(['slot', 'consumer'])('where the %s owns the position, the ledger', (owner) => {
  function play([limits, commands]: [WindowLimits, Iterable<fc.Command<Model, Real>>]): void {
    fc.modelRun(() => ({ model: new Model(limits, owner), real: new Real(limits, owner) }), commands);
  }

  it('behaves as the naive ledger while messages are delivered, gathered, dropped and acknowledged in any order', () => {
    fc.assert(fc.property(openStreams, play), { numRuns: 500 });
  });

  it('behaves as the naive ledger when it stops before or after a message, or closes, at any point', () => {
    fc.assert(fc.property(endingStreams, play), { numRuns: 500 });
  });
});
