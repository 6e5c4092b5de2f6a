import { Subject, type MonoTypeOperatorFunction } from 'rxjs';
import { ackAfter } from '../../../lib/operators/ack-after/ack-after';
import { stopAtLsn } from '../../../lib/operators/stop-at-lsn';
import { stopOn } from '../../../lib/operators/stop-on';
import type { AnyReplicationMessage } from '../../../lib/pgoutput/messages/messages';
import { buildInsert, buildRelation, buildStreamCommit } from '../../../lib/testing/payloads';
import { firstBlock } from '../../pgoutput/support/blocks';
import { Clock } from '../../support/clock';
import { FakeBackend } from '../../support/fake-backend';
import { record, streamingAny } from '../../support/streaming';

const OPEN = firstBlock(700, buildRelation(), buildInsert(['1', 'a']));

it.each<[stop: string, operator: (stop: Subject<void>) => MonoTypeOperatorFunction<AnyReplicationMessage>]>([
  ['stopOn', (stop) => stopOn(stop)],
  ['stopAtLsn', () => stopAtLsn(0x100n)],
])('ackAfter completes when %s leaves a transaction open whose change it is processing', async (_, operator) => {
  const clock = new Clock();
  const server = new FakeBackend(clock);
  const stop = new Subject<void>();
  let finish: () => void = () => undefined;
  const work = new Promise<void>((resolve) => (finish = resolve));
  const heard = record(
    streamingAny(server, { streaming: 'on' }).pipe(
      operator(stop),
      ackAfter((message) => (message.kind === 'insert' ? work : undefined)),
    ),
  );
  clock.advance();
  server.last.push(...OPEN);
  clock.advance(100);
  stop.next();
  server.last.push(buildStreamCommit({ commitLsn: 0x200n }));
  clock.advance(1000);
  expect([heard.completed, server.last.closed]).toEqual([false, true]);
  finish();
  await new Promise(setImmediate);
  expect([heard.completed, heard.error]).toEqual([true, undefined]);
  expect(server.slot().confirmed).toBeLessThanOrEqual(0x100n);
});
