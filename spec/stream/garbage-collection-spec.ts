import { GarbageCollectionTrigger } from '../../lib/stream/garbage-collection';

const MB = 1024 * 1024;

/** The number of buffers of 64 MiB and more that are allocated in the meantime. */
function signs(action: () => void): number {
  const made = jest.spyOn(Reflect, 'construct');
  action();
  const count = made.mock.calls.filter(([what, sizes]) => what === ArrayBuffer && Number(sizes[0]) > 64 * MB).length;
  made.mockRestore();
  return count;
}

describe('GarbageCollectionTrigger', () => {
  it('makes V8 collect garbage after some megabytes of deliveries that have waited, repeatedly', () => {
    const garbage = new GarbageCollectionTrigger();
    expect(signs(() => garbage.addReleased(5 * MB, 10))).toBe(0);
    expect(signs(() => garbage.addReleased(3 * MB, 10))).toBe(1);
    expect(
      signs(() => {
        for (let i = 0; i < 80; i++) garbage.addReleased(MB, 10);
      }),
    ).toBe(10);
  });

  it('has no effect if deliveries are settled soon', () => {
    const garbage = new GarbageCollectionTrigger();
    expect(signs(() => garbage.addReleased(80 * MB, 9))).toBe(0);
  });

  it('commits no memory for that', () => {
    const garbage = new GarbageCollectionTrigger();
    const before = process.memoryUsage.rss();
    for (let i = 0; i < 8; i++) garbage.addReleased(8 * MB, 10);
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * MB);
  });

  it('has no effect if a buffer cannot be allocated', () => {
    jest.spyOn(Reflect, 'construct').mockImplementation(() => {
      throw new RangeError('Array buffer allocation failed');
    });
    const garbage = new GarbageCollectionTrigger();
    expect(() => {
      garbage.addReleased(8 * MB, 10);
    }).not.toThrow();
    jest.restoreAllMocks();
  });
});
