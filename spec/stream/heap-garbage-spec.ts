import { HeapGarbage } from '../../lib/stream/heap-garbage';

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
    const garbage = new HeapGarbage();
    expect(signs(() => garbage.grew(5 * MB))).toBe(0);
    expect(signs(() => garbage.grew(3 * MB))).toBe(1);
    expect(
      signs(() => {
        for (let i = 0; i < 80; i++) garbage.grew(MB);
      }),
    ).toBe(10);
  });

  it('takes no memory for that', () => {
    const garbage = new HeapGarbage();
    const before = process.memoryUsage.rss();
    for (let i = 0; i < 8; i++) garbage.grew(8 * MB);
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * MB);
  });

  it('does without where a buffer cannot be had', () => {
    jest.spyOn(Reflect, 'construct').mockImplementation(() => {
      throw new RangeError('Array buffer allocation failed');
    });
    const garbage = new HeapGarbage();
    expect(() => {
      garbage.grew(8 * MB);
    }).not.toThrow();
    jest.restoreAllMocks();
  });
});
