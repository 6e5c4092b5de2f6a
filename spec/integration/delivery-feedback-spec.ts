import { defer, filter, firstValueFrom, lastValueFrom, merge, Subject, take, type Observable } from 'rxjs';
import {
  ackAfter,
  transactions,
  type Lsn,
  type OpenInfo,
  type PgoutputConfig,
  type ReplicationMessage,
  type StatusUpdate,
} from '../../lib/index';
import { LoopClock } from '../support/loop-clock';
import { startServer } from '../support/server';
import { TestBed, waitUntil, Gate, Recorder } from './support/bed';

const SETUP = `CREATE TABLE quiet (id int);
  CREATE TABLE busy (id int);
  CREATE PUBLICATION pub FOR TABLE quiet;`;

/** A stream with its status updates, at a short interval. */
function watched(bed: TestBed, slot: string, more: Partial<PgoutputConfig> = {}) {
  const updates = new Subject<StatusUpdate>();
  return {
    stream: bed.stream(slot, { statusInterval: 20, statusObserver: updates, ...more }),
    /** Resolves after this number of further status updates. */
    updates: (count: number): Promise<StatusUpdate> => lastValueFrom(updates.pipe(take(count))),
    /** Resolves when a keepalive of the server has reached a position. */
    received: (lsn: Lsn): Promise<StatusUpdate> =>
      firstValueFrom(updates.pipe(filter(({ receivedLsn }) => receivedLsn >= lsn))),
  };
}

describe('confirmation', () => {
  let bed: TestBed;

  beforeAll(async () => {
    bed = await TestBed.make('feedback', SETUP);
  });

  afterAll(() => bed.drop());

  async function writeElsewhere(): Promise<Lsn> {
    await bed.sql('INSERT INTO busy SELECT generate_series(1, 1000)');
    await bed.sql('INSERT INTO busy VALUES (0)');
    return bed.position();
  }

  it.each([
    ['flat', (stream: Observable<ReplicationMessage>) => stream],
    [
      'grouped',
      (stream: Observable<ReplicationMessage>) =>
        stream.pipe(
          transactions(),
          ackAfter(() => undefined),
        ),
    ],
  ] as const)('of a quiet stream advances beside a busy table that is not published, %s', async (_, shape) => {
    const slot = await bed.slot();
    const { stream } = watched(bed, slot);
    const recorder = new Recorder(shape(stream));
    // More than once, to exclude an effect of the first keepalive.
    for (let round = 0; round < 3; round++) await bed.confirmedAtLeast(slot, await writeElsewhere());
    recorder.unsubscribe();
  });

  it('at a keepalive waits for running work, and follows when it is done', async () => {
    const slot = await bed.slot();
    await bed.sql('INSERT INTO quiet VALUES (1)');
    const { stream, received, updates } = watched(bed, slot);
    const gate = new Gate();
    const started = new Gate();
    const recorder = new Recorder(
      stream.pipe(
        transactions(),
        ackAfter(async (transaction) => {
          started.open();
          await gate.opened;
          return transaction;
        }),
      ),
    );
    await started.opened;
    const end = await writeElsewhere();
    await received(end);
    await updates(3);
    const held = await bed.confirmed(slot);

    gate.open();
    const [transaction] = await recorder.take(1);
    expect(held).toBeLessThanOrEqual(transaction!.commitLsn);
    await bed.confirmedAtLeast(slot, end);
    recorder.unsubscribe();
  });

  it.each([
    ['changes', (message: ReplicationMessage) => message.kind === 'insert'],
    ['commits', (message: ReplicationMessage) => message.kind === 'commit'],
  ])('requires more than the %s', async (_, isAcknowledged) => {
    const slot = await bed.slot();
    await bed.transaction('INSERT INTO quiet VALUES (1)', 'INSERT INTO quiet VALUES (2)');
    await bed.sql('INSERT INTO quiet VALUES (3)');
    const end = await writeElsewhere();
    const { stream, received, updates } = watched(bed, slot);
    const recorder = new Recorder(stream);
    const [begin] = await Promise.all([recorder.find(({ kind }) => kind === 'begin'), received(end)]);
    for (const message of recorder.values.filter(isAcknowledged)) expect(message.ack()).toBe(true);
    await updates(3);
    expect(await bed.confirmed(slot)).toBeLessThanOrEqual(begin.kind === 'begin' ? begin.commitLsn : 0n);

    // Acknowledge the rest in any order.
    for (const message of [...recorder.values].reverse()) message.ack();
    await bed.confirmedAtLeast(slot, end);
    recorder.unsubscribe();
  });

  it('is never sent with confirm: false', async () => {
    const slot = await bed.slot();
    const before = await bed.confirmed(slot);
    await bed.sql('INSERT INTO quiet VALUES (1)');
    const end = await writeElsewhere();
    const { stream, received, updates } = watched(bed, slot, { confirm: false });
    const recorder = new Recorder(stream);
    await received(end);
    for (const message of recorder.values) message.ack();
    expect(await updates(3)).toMatchObject({ confirmedLsn: 0n });
    recorder.unsubscribe();
    await bed.released(slot);
    expect(recorder.values.map(({ kind }) => kind)).toContain('insert');
    expect(await bed.confirmed(slot)).toBe(before);
  });
});

describe('as the synchronous standby of the server', () => {
  it('releases commits immediately, on published and other tables', async () => {
    const server = await startServer();
    const bed = await TestBed.make('standby', SETUP, server);
    const opened = new Subject<OpenInfo>();
    const open = firstValueFrom(opened);
    const stream = bed
      .stream(await bed.slot(), {
        connection: { connectionString: bed.database.url, application_name: 'the_standby' },
        openObserver: opened,
      })
      .pipe(
        transactions(),
        ackAfter(() => undefined),
      );
    const measured = async (): Promise<Record<string, number>> => {
      await open;
      await bed.sql("ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (the_standby)'");
      await bed.sql('SELECT pg_reload_conf()');
      await waitUntil(
        () => bed.sql("SELECT FROM pg_stat_replication WHERE application_name = 'the_standby' AND sync_state = 'sync'"),
        (rows) => rows.length === 1,
      );
      return { quiet: await medianCommit(bed, 'quiet'), busy: await medianCommit(bed, 'busy') };
    };
    const medians = await firstValueFrom(merge(stream, defer(measured)));
    process.stdout.write(`Synchronous commits, median in ms: ${JSON.stringify(medians)}\n`);
    expect(medians['quiet']).toBeLessThan(100);
    expect(medians['busy']).toBeLessThan(100);
    await server.dispose();
  });
});

/** The duration of a commit, in ms of the {@link LoopClock}, as the median of 21. */
async function medianCommit(bed: TestBed, table: string): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 21; i++) {
    const clock = new LoopClock();
    await bed.sql(`INSERT INTO ${table} VALUES (${i})`);
    times.push(clock.stop());
  }
  return times.sort((a, b) => a - b)[10] ?? NaN;
}
