import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Bed } from './support';

const MB = 1024 * 1024;
const WINDOW = 16 * MB;
const TRANSACTION = MB;
const STAYS = 5_000;

interface Report {
  event: 'open' | 'closed';
  baseline: number;
  peak: number;
  handled: number;
  pausedUpdates: number;
}

/** Runs a subscriber in a process of its own, where jest's memory does not count. */
function slowSubscriber(shape: 'flat' | 'grouped', config: object) {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', join(__dirname, 'slow-subscriber.ts'), shape, String(STAYS), JSON.stringify(config)],
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
  let bed: Bed;

  beforeAll(async () => {
    bed = await Bed.make(
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
      subscribers.push(slowSubscriber(shape, config));
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
      // It was at work, and was held up by nothing but its own work.
      expect(handled).toBeGreaterThan(20);
      expect(pausedUpdates).toBeGreaterThan(3);
      // Nothing is left that keeps a process alive.
      expect(await subscriber.exited).toEqual([0, null]);
    }
  });
});
