import fc from 'fast-check';
import { Spool, type Extent } from '../../../lib/operators/transactions/spool';
import { files, Spools } from '../support/spools';

const KB = 1024;

let spools: Spools;
let spool: Spool;

beforeEach(() => {
  spools = new Spools();
  spool = new Spool(spools.folder);
});

afterEach(() => {
  spools.end();
});

/** The size of the file in bytes, 0 when it is closed. */
function fileSize(): number {
  const [fd, ...others] = spools.open;
  expect(others).toEqual([]);
  return fd === undefined ? 0 : files.fstatSync(fd).size;
}

it('is one file, open as long as any of its data is needed', () => {
  expect(spools.open).toEqual([]);
  const extents = Array.from({ length: 2000 }, (_, i) => spool.write(Buffer.from(`extent ${i}`)));
  expect([spools.made, spools.open.length, spools.visible]).toEqual([1, 1, []]);
  expect(extents.map((extent) => spool.read(extent).toString())).toEqual(extents.map((_, i) => `extent ${i}`));
  spool.free(extents.slice(1));
  expect(spools.open).toHaveLength(1);
  spool.free(extents.slice(0, 1));
  expect(spools.open).toEqual([]);
  expect(spool.read(spool.write(Buffer.from('again'))).toString()).toBe('again');
  expect(spools.made).toBe(2);
});

it('reuses freed space while other data stays, however often', () => {
  const stays = spool.write(Buffer.alloc(10, 'stays'));
  const sizes = Array.from({ length: 1000 }, (_, i) => {
    const extent = spool.write(Buffer.alloc(100 * KB + i, i));
    const size = fileSize();
    expect(spool.read(extent).equals(Buffer.alloc(100 * KB + i, i))).toBe(true);
    spool.free([extent]);
    return size;
  });
  expect(Math.max(...sizes)).toBeLessThan(200 * KB);
  expect(spool.read(stays).toString()).toBe('staysstays');
});

it('truncates the file after the last data that it holds', () => {
  const first = spool.write(Buffer.alloc(100 * KB, 1));
  const others = Array.from({ length: 50 }, () => spool.write(Buffer.alloc(1000 * KB, 2)));
  expect(fileSize()).toBeGreaterThan(50_000 * KB);
  spool.free(others.reverse());
  expect(fileSize()).toBeLessThan(200 * KB);
  expect(spool.read(first).equals(Buffer.alloc(100 * KB, 1))).toBe(true);
});

it('holds what was written, whatever is freed in between, in a file whose size follows its contents', () => {
  const steps = fc.array(
    fc.record({ length: fc.integer({ min: 1, max: 100 * KB }), free: fc.boolean(), which: fc.nat() }),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(steps, (all) => {
      const held: { readonly extent: Extent; readonly bytes: Buffer }[] = [];
      let most = 0;
      for (const [i, { length, free, which }] of all.entries()) {
        const bytes = Buffer.alloc(length, `content ${i}`);
        held.push({ extent: spool.write(bytes), bytes });
        most = Math.max(
          most,
          held.reduce((sum, one) => sum + one.bytes.length, 0),
        );
        if (free) spool.free(held.splice(which % held.length, 1).map(({ extent }) => extent));
        // In whole pages.
        expect(fileSize()).toBeLessThanOrEqual(most + all.length * 16 * KB);
      }
      for (const one of held) expect(spool.read(one.extent).equals(one.bytes)).toBe(true);
      spool.free(held.map(({ extent }) => extent));
      expect(fileSize()).toBe(0);
    }),
    { numRuns: 50 },
  );
});

it('allocates nothing for data that could not be written', () => {
  const { writeSync } = files;
  jest.spyOn(files, 'writeSync').mockImplementation(() => {
    throw new Error('full');
  });
  expect(() => spool.write(Buffer.alloc(100))).toThrow(expect.objectContaining({ code: 'SPOOL_FAILED' }));
  expect(spools.open).toEqual([]);
  jest.spyOn(files, 'writeSync').mockImplementation(writeSync);
  const extent = spool.write(Buffer.alloc(100, 1));
  expect([spool.read(extent), fileSize()]).toEqual([Buffer.alloc(100, 1), 100]);
  spool.free([extent]);
});
