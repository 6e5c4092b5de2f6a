import { firstValueFrom } from 'rxjs';
import type { ReplicationMessage } from '../../lib/index';
import { uniqueName } from '../support/server';
import { waitForFailure, marked, waitForNoBackends, Observed } from './support/life';
import { acknowledge, TestBed, ofKind, Recorder } from './support/bed';

let bed: TestBed;

beforeAll(async () => {
  bed = await TestBed.make('publications', 'CREATE TABLE numbers (id int PRIMARY KEY)');
});

afterAll(() => bed.drop());

it('publications may have any names', async () => {
  const names = ['My,Pub', "it's", 'quo"te', 'back\\slash', ' spaces ', 'Grüße', 'a","b', '$1'];
  for (const name of names) await bed.sql(`CREATE PUBLICATION "${name.replaceAll('"', '""')}" FOR TABLE numbers`);
  for (const publications of [...names.map((name) => [name]), names]) {
    const slot = await bed.slot();
    await bed.sql('INSERT INTO numbers SELECT coalesce(max(id), 0) + 1 FROM numbers');
    const messages = await bed.readTo(slot, await bed.position(), { publications });
    expect(messages.filter(({ kind }) => kind === 'insert')).toHaveLength(1);
  }
});

it('all missing publications are listed, and no slot is created', async () => {
  const slot = uniqueName('slot');
  await bed.sql('CREATE PUBLICATION here FOR TABLE numbers');
  const { name, connection } = marked(bed.database.url);
  const publications = ['here', 'Here', 'nowhere'];
  const error = await waitForFailure(bed.stream(slot, { connection, publications, ensureSlot: true }));
  expect(error).toMatchObject({ code: 'PUBLICATION_MISSING', retryable: false });
  expect(error.message).toMatch(/"Here", "nowhere" .*CREATE PUBLICATION .*before you create the slot/s);
  expect(await bed.sql('SELECT FROM pg_replication_slots WHERE slot_name = $1', [slot])).toEqual([]);
  await waitForNoBackends(bed.server, name);
});

describe('a publication that is dropped and created again during the stream', () => {
  it('is an error, and nothing after the gap is ever confirmed', async () => {
    await bed.sql('CREATE PUBLICATION brief FOR TABLE numbers; CREATE TABLE elsewhere (id int)');
    const slot = await bed.slot();
    await bed.sql('INSERT INTO numbers VALUES (1001)');
    const { name, connection } = marked(bed.database.url);
    const observed = new Observed();
    const stream = bed.stream(slot, { connection, publications: ['brief'], ...observed.observers });

    const seen: ReplicationMessage[] = [];
    let caughtUp: () => void = () => undefined;
    const first = new Promise<void>((resolve) => (caughtUp = resolve));
    const failure = new Promise((resolve) => {
      stream.subscribe({
        next: (message) => {
          seen.push(message);
          acknowledge(message);
          if (message.kind === 'commit') caughtUp();
        },
        error: resolve,
      });
    });
    await first;
    const commit = seen.find(({ kind }) => kind === 'commit') as Extract<ReplicationMessage, { kind: 'commit' }>;
    await bed.confirmedAtLeast(slot, commit.endLsn);

    await bed.sql('DROP PUBLICATION brief');
    await bed.sql('INSERT INTO numbers VALUES (1002)');
    const behindGap = await bed.position();
    await bed.sql('CREATE PUBLICATION brief FOR TABLE numbers');
    await bed.sql('INSERT INTO numbers VALUES (1003)');
    await bed.sql('INSERT INTO elsewhere VALUES (1)');

    const error = await failure;
    expect(error).toMatchObject({
      code: 'PUBLICATION_MISSING',
      retryable: false,
      sqlState: bed.server.version >= 18 ? '55000' : '42704',
    });
    const { confirmedLsn } = await observed.closed();
    expect(confirmedLsn).toBeLessThan(behindGap);
    await bed.released(slot);
    expect(await bed.confirmed(slot)).toBeLessThan(behindGap);
    await waitForNoBackends(bed.server, name);

    // The publication exists again, but later subscriptions fail, because they would have to decode the gap.
    expect(await waitForFailure(stream)).toMatchObject({ code: 'PUBLICATION_MISSING' });
    await bed.released(slot);
    expect(await waitForFailure(bed.stream(slot, { publications: ['brief'] }))).toMatchObject({
      code: 'PUBLICATION_MISSING',
    });
    await bed.released(slot);
    expect(await bed.confirmed(slot)).toBeLessThan(behindGap);
    const ids = seen.flatMap((message) => (message.kind === 'insert' ? [message.new['id']] : []));
    expect(ids).toEqual([1001]);
  });

  it('is an error if the slot is older than its publication', async () => {
    const slot = await bed.slot();
    await bed.sql('INSERT INTO numbers VALUES (2001)');
    await bed.sql('CREATE PUBLICATION late FOR TABLE numbers');
    const error = await waitForFailure(bed.stream(slot, { publications: ['late'] }));
    expect(error).toMatchObject({ code: 'PUBLICATION_MISSING', retryable: false });
    await bed.released(slot);
  });

  it('is not an error if nothing was written before the publication was created', async () => {
    const slot = await bed.slot();
    await bed.sql('CREATE PUBLICATION later FOR TABLE numbers');
    await bed.sql('INSERT INTO numbers VALUES (3001)');
    const recorder = new Recorder(bed.stream(slot, { publications: ['later'] }));
    await recorder.find(({ kind }) => kind === 'insert');
    recorder.unsubscribe();
    await bed.released(slot);
  });
});

it('a publication without tables emits nothing, and the slot advances', async () => {
  await bed.sql('CREATE PUBLICATION empty');
  const slot = await bed.slot();
  const stream = bed.stream(slot, { publications: ['empty'] });
  await bed.sql('INSERT INTO numbers VALUES (4001)');
  const end = await bed.position();
  const recorder = new Recorder(stream);
  await bed.confirmedAtLeast(slot, end);
  recorder.unsubscribe();
  await bed.released(slot);
  // Before 15, the server sends empty transactions.
  expect(ofKind(recorder.values, 'insert')).toEqual([]);
  await firstValueFrom(stream);
  await bed.released(slot);
});
