import { Subject } from 'rxjs';
import { ackAfter } from '../../lib/operators/ack-after/ack-after';
import { stopOn } from '../../lib/operators/stop-on';
import { transactions } from '../../lib/operators/transactions/transactions';
import type { AnyReplicationMessage } from '../../lib/pgoutput/messages/messages';
import {
  buildBeginPrepare,
  buildCommitPrepared,
  buildInsert,
  buildPrepare,
  buildRelation,
  buildStreamCommit,
  buildStreamPrepare,
} from '../../lib/testing/payloads';
import { firstBlock } from '../pgoutput/support/blocks';
import { Clock, microtasks } from '../support/clock';
import { FakeBackend } from '../support/fake-backend';
import { record, streamingAny } from '../support/streaming';
import { Spools } from './support/spools';
import { assignLetters, runMarbles } from './support/streamed';

const row = (id: number) => buildInsert([String(id), `row ${id}`]);

describe('stopOn, without a session', () => {
  const blocks = assignLetters([...firstBlock(700, buildRelation(), row(1)), buildStreamCommit()]); // a b c d e
  const prepared = assignLetters([buildBeginPrepare(), buildRelation(), row(1), buildPrepare(), buildCommitPrepared()]); // a b c d e

  it.each<[what: string, values: Record<string, AnyReplicationMessage>, source: string, at: string, expected: string]>([
    ['lets a block finish', blocks, '      -a-b-c-d-e-', '----x', '-a-b-c-(d|)'],
    ['completes between blocks', blocks, ' -a-b-c-d---e-', '---------x', '-a-b-c-d-|'],
    ['completes after a Stream Commit', blocks, 'abcde-', '-----x', 'abcde|'],
    ['lets a prepared transaction finish', prepared, '-a-b-c-d-e-', '--x', '-a-b-c-(d|)'],
    ['completes between a Prepare and its CommitPrepared', prepared, '-a-b-c-d---e-', '---------x', '-a-b-c-d-|'],
  ])('%s', (_, values, source, at, expected) => {
    runMarbles(({ cold, expectObservable }) => {
      const stopped = cold(source.trim(), values).pipe(stopOn<AnyReplicationMessage>(cold(at)));
      expectObservable(stopped).toBe(expected, values);
    });
  });
});

describe('stopOn, in a session with open streamed transactions', () => {
  let clock: Clock;
  let server: FakeBackend;
  let spools: Spools;
  let stop$: Subject<void>;

  beforeEach(() => {
    clock = new Clock();
    server = new FakeBackend(clock);
    spools = new Spools();
    stop$ = new Subject();
  });

  afterEach(() => {
    spools.end();
  });

  function started() {
    const source = streamingAny(server, { streaming: 'on', twoPhase: true });
    const heard = record(source.pipe(stopOn(stop$), transactions(spools.options)));
    clock.advance();
    return heard;
  }

  it('ends after the block, and leaves nothing of the open transaction, which is sent again', () => {
    const heard = started();
    server.last.push(
      ...firstBlock(700, buildRelation(), row(1)),
      ...firstBlock(800, buildRelation(), row(2)).slice(0, -1),
    );
    stop$.next();
    clock.advance(10);
    expect([heard.completed, server.last.closed]).toEqual([false, false]);
    server.last.push(...firstBlock(800).slice(-1), buildStreamCommit());
    clock.advance(100);
    expect([heard.values, heard.completed, server.last.closed]).toEqual([[], true, true]);
    expect([server.slot().confirmed, spools.open]).toEqual([0x80n, []]);
  });

  it('waits for what was delivered before, and accepts its acknowledgement', () => {
    const heard = started();
    server.last.push(
      ...firstBlock(700, buildRelation(), row(1)),
      ...firstBlock(800, buildRelation(), row(2)),
      buildStreamCommit(),
    );
    stop$.next();
    clock.advance(60_000);
    expect([heard.events, server.last.closed]).toEqual([['next', 'complete'], false]);
    expect(heard.values[0]?.ack()).toBe(true);
    clock.advance(100);
    expect([server.slot().confirmed, server.last.closed, spools.open]).toEqual([0x130n, true, []]);
  });

  it('does not wait for the end of an acknowledged prepared transaction', async () => {
    const source = streamingAny(server, { streaming: 'on', twoPhase: true });
    const heard = record(
      source.pipe(
        stopOn(stop$),
        transactions(spools.options),
        ackAfter(() => Promise.resolve(1)),
      ),
    );
    clock.advance();
    server.last.push(...firstBlock(700, buildRelation(), row(1)), buildStreamPrepare());
    server.last.push(buildBeginPrepare({ prepareLsn: 0x200n }), buildRelation());
    stop$.next();
    await microtasks();
    clock.advance(100);
    expect(heard.completed).toBe(false);
    server.last.push(row(2), buildPrepare({ prepareLsn: 0x200n }), buildCommitPrepared({ commitLsn: 0x300n }));
    await microtasks();
    clock.advance(100);
    await microtasks();
    expect([heard.events, server.slot().confirmed]).toEqual([['next', 'next', 'complete'], 0x230n]);
    expect([server.last.closed, spools.open]).toEqual([true, []]);
  });
});
