import type { Client } from 'pg';
import { lastValueFrom, Subject, type Observable } from 'rxjs';
import {
  ackAfter,
  createSlot,
  dropSlot,
  logicalReplication,
  reconnect,
  stopOn,
  transactions,
  type PgoutputConfig,
  type ReplicationMessage,
} from '../../lib/index';
import { uniqueName } from '../support/server';
import {
  acknowledging,
  fetchBackends,
  waitForFailure,
  expectNoSocketLeft,
  marked,
  waitForNoBackends,
  NUMBERS,
  Observed,
} from './support/life';
import { TestBed, waitUntil, ofKind, Recorder } from './support/bed';
import { LoopClock } from '../support/loop-clock';

let bed: TestBed;

beforeAll(async () => {
  bed = await TestBed.make('slots', `${NUMBERS}; INSERT INTO numbers VALUES (0)`);
});

afterAll(() => bed.drop());

const existing = (slot: string) =>
  bed.sql<{ active: boolean }>('SELECT active FROM pg_replication_slots WHERE slot_name = $1', [slot]);

/** A connection with an open write transaction, for which slot creation waits. */
async function blocker(): Promise<Client> {
  const client = await bed.database.client();
  await client.query('BEGIN; INSERT INTO numbers VALUES (-1)');
  return client;
}

async function creating(name: string): Promise<void> {
  await waitUntil(
    () => fetchBackends(bed.server, name),
    (rows) => rows.some(({ query }) => query.startsWith('CREATE_REPLICATION_SLOT')),
  );
}

describe('unsubscribing', () => {
  it('while connecting leaves nothing behind', async () => {
    const slot = await bed.slot();
    const { name, connection } = marked(bed.database.url);
    await expectNoSocketLeft(async () => {
      // At increasing numbers of turns of the event loop, through all of start-up.
      for (let turns = 0; turns < 40; turns++) {
        const subscription = bed.stream(slot, { connection }).subscribe();
        for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
        subscription.unsubscribe();
      }
      await waitForNoBackends(bed.server, name);
    });
    expect(await existing(slot)).toEqual([{ active: false }]);
  });

  it('while slot creation waits for an open transaction leaves neither slot nor backend', async () => {
    const client = await blocker();
    const slot = uniqueName('slot');
    const { name, connection } = marked(bed.database.url);
    await expectNoSocketLeft(async () => {
      const subscription = bed.stream(slot, { connection, ensureSlot: true }).subscribe();
      await creating(name);
      subscription.unsubscribe();
      await waitForNoBackends(bed.server, name);
    });
    expect(await existing(slot)).toEqual([]);
    await client.query('ROLLBACK');
    expect(await existing(slot)).toEqual([]);
    await client.end();
  });

  it('while slot creation waits allows the same observable to be subscribed to again', async () => {
    const client = await blocker();
    const slot = uniqueName('slot');
    const { name, connection } = marked(bed.database.url);
    const stream = bed.stream(slot, { connection, ensureSlot: true });
    const subscription = stream.subscribe();
    await creating(name);
    subscription.unsubscribe();
    const recorder = new Recorder(stream);
    await client.query('ROLLBACK');
    await recorder.take(1);
    await bed.sql('INSERT INTO numbers VALUES (50)');
    await recorder.find(({ kind }) => kind === 'commit');
    recorder.unsubscribe();
    await bed.released(slot);
    expect(ofKind(recorder.values, 'insert')).toHaveLength(1);
    await client.end();
  });

  it('while the window is full releases the slot immediately', async () => {
    const slot = await bed.slot();
    await bed.sql(`INSERT INTO numbers SELECT 100 + g, repeat('x', 1000) FROM generate_series(1, 5000) g`);
    const observed = new Observed();
    const recorder = new Recorder(bed.stream(slot, { ...observed.observers, maxUnacked: 10, statusInterval: 20 }));
    await recorder.find((message) => message.kind === 'insert');
    await waitUntil(
      () => Promise.resolve(observed.statuses.at(-1)?.paused),
      (paused) => paused === true,
    );
    const clock = new LoopClock();
    recorder.unsubscribe();
    await observed.closed();
    expect(clock.stop()).toBeLessThan(2000);
    expect(ofKind(recorder.values, 'insert')).toHaveLength(10);
    expect(await existing(slot)).toEqual([{ active: false }]);
  });

  it('makes later acknowledgements return false', async () => {
    const slot = await bed.slot();
    await bed.sql('INSERT INTO numbers VALUES (60)');
    const observed = new Observed();
    const recorder = new Recorder(bed.stream(slot, observed.observers));
    const commit = await recorder.find((message) => message.kind === 'commit');
    recorder.unsubscribe();
    expect(commit.ack()).toBe(false);
    await observed.closed();
  });
});

describe('a stop while slot creation waits for an open transaction', () => {
  interface Stopping {
    readonly notifier: Observable<unknown> | AbortSignal;
    readonly stop: () => void;
  }
  const notifiers: [what: string, make: () => Stopping][] = [
    [
      'a Subject',
      () => {
        const notifier = new Subject<void>();
        return { notifier, stop: () => notifier.next() };
      },
    ],
    [
      'an AbortSignal',
      () => {
        const controller = new AbortController();
        return { notifier: controller.signal, stop: () => controller.abort() };
      },
    ],
  ];
  const works = (source: Observable<ReplicationMessage>): Observable<unknown> =>
    source.pipe(
      transactions(),
      ackAfter(() => undefined),
    );
  const pipelines: [what: string, pipeline: (source: Observable<ReplicationMessage>) => Observable<unknown>][] = [
    ['the flat stream', (source) => source],
    ['ackAfter', works],
    ['ackAfter with reconnect', (source) => works(source).pipe(reconnect())],
  ];
  const cases = notifiers.flatMap(([notifier, make]) =>
    pipelines.flatMap(([what, pipeline]) =>
      [true, { temporary: true }].map((ensureSlot) => ({ notifier, make, what, pipeline, ensureSlot })),
    ),
  );

  it.each(cases)(
    'by $notifier completes $what immediately, ensureSlot $ensureSlot, and leaves neither slot nor backend',
    async ({ make, pipeline, ensureSlot }) => {
      const client = await blocker();
      const slot = uniqueName('slot');
      const { name, connection } = marked(bed.database.url);
      const { notifier, stop } = make();
      const source = bed.stream(slot, { connection, ensureSlot });
      await expectNoSocketLeft(async () => {
        const ended = lastValueFrom(pipeline(source.pipe(stopOn(notifier))), { defaultValue: 'nothing' });
        await creating(name);
        stop();
        // The other transaction is still open, so the server would continue to wait for it.
        expect(await ended).toBe('nothing');
        await waitForNoBackends(bed.server, name);
      });
      expect(await existing(slot)).toEqual([]);
      await client.query('ROLLBACK');
      expect(await existing(slot)).toEqual([]);
      await client.end();
    },
  );
});

describe('subscribing again', () => {
  it('while another subscription is active is an error that names share()', async () => {
    const slot = await bed.slot();
    const observed = new Observed();
    const stream = bed.stream(slot, observed.observers);
    const recorder = new Recorder(stream);
    await recorder.take(1);
    const error = await waitForFailure(stream);
    expect(error).toMatchObject({ code: 'ALREADY_SUBSCRIBED', retryable: false });
    expect(error.message).toContain('share()');
    // The first one is not affected.
    await bed.sql('INSERT INTO numbers VALUES (70)');
    await recorder.find(({ kind }) => kind === 'commit');
    recorder.unsubscribe();
    await observed.closed();
  });

  it('while the previous subscription is closing waits for it', async () => {
    const slot = await bed.slot();
    const observed = new Observed();
    const stream = bed.stream(slot, observed.observers);
    for (let round = 0; round < 5; round++) {
      const recorder = new Recorder(stream);
      await recorder.take(1);
      recorder.unsubscribe();
    }
    await observed.closed(5);
    expect(await existing(slot)).toEqual([{ active: false }]);
  });
});

describe('a slot created by ensureSlot', () => {
  const ensured = (more: Partial<PgoutputConfig> = {}) => {
    const slot = uniqueName('slot');
    const observed = new Observed();
    const { name, connection } = marked(bed.database.url);
    const stream = bed.stream(slot, { ensureSlot: true, connection, ...observed.observers, ...more });
    return { slot, stream, observed, name };
  };

  it('exists at the next subscription, with the changes made in between', async () => {
    const { slot, stream, observed } = ensured();
    const first = new Recorder(stream);
    await first.take(1);
    first.unsubscribe();
    await observed.closed();
    await bed.sql('INSERT INTO numbers VALUES (80)');
    const second = new Recorder(stream);
    const insert = await second.find((message) => message.kind === 'insert');
    expect(insert).toMatchObject({ new: { id: 80 } });
    second.unsubscribe();
    await observed.closed(2);
    expect(await existing(slot)).toEqual([{ active: false }]);
  });

  it('is dropped with the subscription if it is temporary, and is then lost', async () => {
    const { slot, stream, observed, name } = ensured({ ensureSlot: { temporary: true } });
    const recorder = new Recorder(stream);
    await recorder.take(1);
    expect(await bed.sql('SELECT temporary FROM pg_replication_slots WHERE slot_name = $1', [slot])).toEqual([
      { temporary: true },
    ]);
    recorder.unsubscribe();
    // Immediately: the stream has to wait until the server has dropped the first one's slot.
    expect(await waitForFailure(stream)).toMatchObject({ code: 'SLOT_LOST', retryable: false });
    await observed.closed();
    await waitForNoBackends(bed.server, name);
    expect(await existing(slot)).toEqual([]);
  });

  it('is lost if another client has dropped it', async () => {
    const { slot, stream, observed } = ensured();
    const recorder = new Recorder(stream);
    await recorder.take(1);
    recorder.unsubscribe();
    await observed.closed();
    await bed.sql('SELECT pg_drop_replication_slot($1)', [slot]);
    const error = await waitForFailure(stream);
    expect(error).toMatchObject({ code: 'SLOT_LOST', retryable: false });
    expect(error.message).toMatch(/copy the data again/);
    expect(await existing(slot)).toEqual([]);
  });

  it('is rejected if another client has advanced it', async () => {
    const { slot, stream, observed } = ensured();
    const recorder = new Recorder(stream.pipe(acknowledging()));
    await bed.sql('INSERT INTO numbers VALUES (90)');
    await recorder.find(({ kind }) => kind === 'keepalive');
    recorder.unsubscribe();
    await observed.closed();
    await bed.sql('INSERT INTO numbers VALUES (91)');
    await bed.sql('SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())', [slot]);
    expect(await waitForFailure(stream)).toMatchObject({ code: 'SLOT_MOVED', retryable: false });
    expect(await existing(slot)).toEqual([{ active: false }]);
  });

  it('is not created without its publication', async () => {
    const { slot, stream, name } = ensured({ publications: ['pub', 'nowhere'] });
    const error = await waitForFailure(stream);
    expect(error).toMatchObject({ code: 'PUBLICATION_MISSING', retryable: false });
    expect(error.message).toContain('"nowhere"');
    expect(await existing(slot)).toEqual([]);
    await waitForNoBackends(bed.server, name);
  });
});

it('management commands and streams of one slot do not disturb each other', async () => {
  const slot = uniqueName('slot');
  const { connection } = marked(bed.database.url);
  await waitForFailure(logicalReplication({ connection, slot, publications: ['pub'] }));
  await new Promise((resolve, reject) => createSlot({ connection, slot }).subscribe({ next: resolve, error: reject }));
  const recorder = new Recorder(bed.stream(slot));
  await recorder.take(1);
  recorder.unsubscribe();
  await new Promise((resolve, reject) =>
    dropSlot({ connection, slot, wait: true }).subscribe({ next: resolve, error: reject }),
  );
  expect(await existing(slot)).toEqual([]);
});
