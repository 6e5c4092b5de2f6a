import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Task } from './support/slow-subscriber';
import { connectionOf, STREAMED, WHOLE } from './support/streamed';
import { TestBed } from './support/bed';

const MB = 1024 * 1024;
const WINDOW = 16 * MB;
const TRANSACTION = MB;
/** It takes a few seconds, most of them with a full window. */
const UNTIL = { leavesAfter: 45, pausedUpdates: 8 };

interface Report {
  event: 'open' | 'closed';
  baseline: number;
  peak: number;
  handled: number;
  pausedUpdates: number;
}

/** Runs a subscriber in a separate process, which does not contain jest's memory. */
function slowSubscriber(task: Task) {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', join(__dirname, 'support/slow-subscriber.ts'), JSON.stringify(task)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async (event: Report['event']): Promise<Report> => {
    const line = await lines.next();
    const report = JSON.parse(line.done ? '{}' : line.value) as Report;
    expect(report.event).toBe(event);
    return report;
  };
  return { opened: () => next('open'), closed: () => next('closed'), exited: once(child, 'exit') };
}

describe('a subscriber slower than its server', () => {
  let bed: TestBed;

  beforeAll(async () => {
    bed = await TestBed.make(
      'pressure',
      `CREATE TABLE blobs (id int, content text);
       ALTER TABLE blobs ALTER content SET STORAGE EXTERNAL;
       CREATE PUBLICATION pub FOR TABLE blobs;`,
    );
  });

  afterAll(() => bed.drop());

  it('needs no more memory than its window and a transaction, while 300 MB are committed', async () => {
    const subscribers = [];
    for (const shape of ['flat', 'grouped'] as const) {
      const config = { ...bed.config(await bed.slot()), maxUnackedBytes: WINDOW, statusInterval: 500 };
      subscribers.push(slowSubscriber({ shape, config, handles: 100, ...UNTIL }));
    }
    for (const subscriber of subscribers) await subscriber.opened();

    const start = performance.now();
    for (let id = 0; id < 300; id++) {
      await bed.sql(
        `INSERT INTO blobs SELECT ${id}, repeat('x', ${Math.floor(TRANSACTION / 10)}) FROM generate_series(1, 10)`,
      );
    }
    const written = performance.now() - start;

    for (const [i, subscriber] of subscribers.entries()) {
      const { baseline, peak, handled, pausedUpdates } = await subscriber.closed();
      process.stdout.write(
        `${['flat', 'grouped'][i]}: ${Math.round(baseline / MB)} MB at first, ${Math.round(peak / MB)} MB at most, ` +
          `${handled} transactions handled, 300 MB written in ${Math.round(written)} ms\n`,
      );
      expect(peak - baseline).toBeLessThan(WINDOW + TRANSACTION + 100 * MB);
      // It was busy, and waited for nothing but its own handler.
      expect(handled).toBeGreaterThanOrEqual(UNTIL.leavesAfter);
      expect(pausedUpdates).toBeGreaterThanOrEqual(UNTIL.pausedUpdates);
      // The process exits by itself.
      expect(await subscriber.exited).toEqual([0, null]);
    }
  });
});

describe('a subscriber so slow that its garbage is promoted to the old generation', () => {
  const TRANSACTIONS = 1500;
  const ROWS = 200;

  let bed: TestBed;

  beforeAll(async () => {
    bed = await TestBed.make(
      'garbage',
      `CREATE TABLE rows (id int, a text, b bigint, c timestamptz, d text);
       CREATE PUBLICATION pub FOR TABLE rows;
       CREATE PROCEDURE load() LANGUAGE plpgsql AS $$
         BEGIN
           FOR i IN 1..${TRANSACTIONS} LOOP
             INSERT INTO rows SELECT g, repeat('x', 300), g, now(), repeat('y', 90) FROM generate_series(1, ${ROWS}) g;
             COMMIT;
           END LOOP;
         END
       $$;`,
    );
  });

  afterAll(() => bed.drop());

  it('needs no more memory than its window and 80 MB, in text, in binary, and streamed', async () => {
    const base = { maxUnackedBytes: WINDOW };
    const whole = { ...base, connection: connectionOf(bed, WHOLE) };
    const streamed = { ...base, connection: connectionOf(bed, STREAMED), streaming: 'on' as const };
    const kinds = { text: whole, binary: { ...whole, binary: true }, streamed };
    const subscribers = [];
    for (const [kind, more] of Object.entries(kinds)) {
      const config = { ...bed.config(await bed.slot()), ...more };
      const task = { shape: 'grouped' as const, config, handles: 5, leavesAfter: TRANSACTIONS };
      subscribers.push({ kind, ...slowSubscriber(task) });
    }
    for (const { opened } of subscribers) await opened();
    await bed.sql('CALL load()');
    for (const { kind, closed, exited } of subscribers) {
      const { baseline, peak, handled } = await closed();
      process.stdout.write(`${kind}: ${Math.round(baseline / MB)} MB at first, ${Math.round(peak / MB)} MB at most\n`);
      expect(handled).toBe(TRANSACTIONS);
      expect(peak - baseline).toBeLessThan(WINDOW + 80 * MB);
      expect(await exited).toEqual([0, null]);
    }
  }, 180_000);
});
