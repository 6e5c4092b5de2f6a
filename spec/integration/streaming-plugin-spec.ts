import { Subject } from 'rxjs';
import {
  ackAfter,
  logicalReplication,
  type PluginConfig,
  type StatusUpdate,
  type XLogDataMessage,
} from '../../lib/index';
import { TestBed, Recorder } from './support/bed';

type RawMessage = XLogDataMessage | { readonly kind: 'keepalive' };

describe('another output plugin', () => {
  let bed: TestBed;

  beforeAll(async () => {
    bed = await TestBed.make('plugin', 'CREATE TABLE notes (id int, note text);');
  });

  afterAll(() => bed.drop());

  function raw(slot: string, more: Partial<PluginConfig> = {}) {
    const pluginOptions = { 'include-xids': '0', 'skip-empty-xacts': '1' };
    return logicalReplication({ connection: bed.database.url, slot, plugin: 'test_decoding', pluginOptions, ...more });
  }

  function textsOf(messages: readonly RawMessage[]): string[] {
    return messages.flatMap((message) => (message.kind === 'xlogData' ? [message.data.toString()] : []));
  }

  const isCommit = (message: RawMessage): boolean =>
    message.kind === 'xlogData' && message.data.toString() === 'COMMIT';

  it('is emitted unchanged, confirmed when acknowledged, and not sent again', async () => {
    const slot = await bed.slot('test_decoding');
    await bed.sql("INSERT INTO notes VALUES (1, 'grüße')");
    const end = await bed.position();

    const first = new Recorder(raw(slot));
    await first.find(isCommit);
    expect(textsOf(first.values)).toEqual([
      'BEGIN',
      "table public.notes: INSERT: id[integer]:1 note[text]:'grüße'",
      'COMMIT',
    ]);
    expect(first.values.find(isCommit)).toMatchObject({ kind: 'xlogData', serverTime: expect.any(Date) });
    for (const message of first.values) message.ack();
    await bed.confirmedAtLeast(slot, end);
    first.unsubscribe();
    await bed.released(slot);

    await bed.sql('INSERT INTO notes VALUES (2, NULL)');
    const second = new Recorder(raw(slot));
    await second.find(isCommit);
    expect(textsOf(second.values)).toEqual([
      'BEGIN',
      'table public.notes: INSERT: id[integer]:2 note[text]:null',
      'COMMIT',
    ]);
    second.unsubscribe();
  });

  it('is sent again from the first transaction that was not acknowledged completely', async () => {
    const slot = await bed.slot('test_decoding');
    await bed.sql('INSERT INTO notes VALUES (1)');
    await bed.transaction('INSERT INTO notes VALUES (2)', 'INSERT INTO notes VALUES (3)');
    const first = new Recorder(raw(slot));
    await first.find((message) => textsOf([message])[0]?.includes('id[integer]:3') ?? false);
    for (const message of first.values.filter((message) => !textsOf([message])[0]?.includes(':3'))) message.ack();
    first.unsubscribe();
    await bed.released(slot);

    const second = new Recorder(raw(slot));
    await second.find(isCommit);
    expect(
      textsOf(second.values)
        .filter((text) => text.startsWith('table'))
        .map((text) => /\d/.exec(text)?.[0]),
    ).toEqual(['2', '3']);
    second.unsubscribe();
  });

  it("never confirms a position before the slot's, although the messages of a transaction precede the last commit", async () => {
    const slot = await bed.slot('test_decoding');
    const other = await bed.database.client();
    await other.query('BEGIN');
    await other.query('INSERT INTO notes VALUES (1)');
    await bed.sql('INSERT INTO notes VALUES (2)');
    const first = new Recorder(raw(slot).pipe(ackAfter((message) => [message])));
    await first.find(isCommit);
    first.unsubscribe();
    await bed.released(slot);
    const before = await bed.confirmed(slot);

    await other.query('COMMIT');
    await other.end();
    const updates: StatusUpdate[] = [];
    const statusObserver = new Subject<StatusUpdate>();
    statusObserver.subscribe((update) => updates.push(update));
    const second = new Recorder(raw(slot, { statusObserver }));
    // Acknowledged one by one, with enough time between them to report each.
    for (let count = 1; ; count++) {
      const message = (await second.take(count)).at(-1)!;
      message.ack();
      if (isCommit(message)) break;
    }
    await bed.confirmedAtLeast(slot, await bed.position());
    expect(textsOf(second.values)).toEqual([
      'BEGIN',
      'table public.notes: INSERT: id[integer]:1 note[text]:null',
      'COMMIT',
    ]);
    expect(updates.filter(({ confirmedLsn }) => confirmedLsn > 0n && confirmedLsn < before)).toEqual([]);
    second.unsubscribe();
  });
});
