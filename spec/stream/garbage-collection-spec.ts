import { GarbageCollectionTrigger } from '../../lib/stream/garbage-collection';

const MB = 1024 * 1024;

/** How many buffers of 64 MiB and more are made meanwhile. */
function signs(action: () => void): number {
  const made = jest.spyOn(Reflect, 'construct');
  action();
  const count = made.mock.calls.filter(([what, sizes]) => what === ArrayBuffer && Number(sizes[0]) > 64 * MB).length;
  made.mockRestore();
  return count;
}

describe('HeapGarbage', () => {
  it('has V8 look for garbage after some megabytes of deliveries that have waited, again and again', () => {
    const garbage = new GarbageCollectionTrigger();
    expect(signs(() => garbage.addReleased(5 * MB))).toBe(0);
    expect(signs(() => garbage.addReleased(3 * MB))).toBe(1);
    expect(
      signs(() => {
        for (let i = 0; i < 80; i++) garbage.addReleased(MB);
      }),
    ).toBe(10);
  });

  it('takes no memory for that', () => {
    const garbage = new GarbageCollectionTrigger();
    const before = process.memoryUsage.rss();
    for (let i = 0; i < 8; i++) garbage.addReleased(8 * MB);
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * MB);
  });

  it('does without where a buffer cannot be had', () => {
    jest.spyOn(Reflect, 'construct').mockImplementation(() => {
      throw new RangeError('Array buffer allocation failed');
    });
    const garbage = new GarbageCollectionTrigger();
    expect(() => {
      garbage.addReleased(8 * MB);
    }).not.toThrow();
    jest.restoreAllMocks();
  });
});
