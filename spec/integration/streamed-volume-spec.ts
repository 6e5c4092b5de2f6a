import { describeVolume, MB, volume, VOLUME_TABLES } from './support/streamed-volume';
import { TestBed } from './support/bed';

const ROWS = 128_000;
/** Half of the size of the transaction. */
const MOST = 64 * MB;

let bed: TestBed;

beforeAll(async () => {
  bed = await TestBed.make('volume', VOLUME_TABLES);
});

afterAll(() => bed.drop());

it('a transaction of 128 MB is read block by block, and never kept in memory as a whole', async () => {
  const result = await volume(bed, ROWS);
  process.stdout.write(`${describeVolume(result)}\n`);
  expect(result.rows).toBe(ROWS);
  expect(result.blocks).toBeGreaterThan(1);
  expect(result.peak - result.baseline).toBeLessThan(MOST);
});
