import { DeliveryKeySet } from '../../../lib/operators/ack-after/delivery-key-set';

describe('the completed deliveries of a transaction', () => {
  it('are found by their keys, in whatever order they are added', () => {
    const keys = new DeliveryKeySet();
    for (const key of [2, 0, 5, 1, 'commit']) keys.add(key);
    expect([0, 1, 2, 3, 4, 5, 6, 'commit', 'begin'].filter((key) => keys.has(key))).toEqual([0, 1, 2, 5, 'commit']);
    keys.add(3);
    keys.add(4);
    expect([4, 5, 6].map((key) => keys.has(key))).toEqual([true, true, false]);
  });

  it('may be more than a Set can contain', () => {
    const keys = new DeliveryKeySet();
    for (let ordinal = 0; ordinal < 17_000_000; ordinal++) keys.add(ordinal);
    expect([keys.has(16_999_999), keys.has(17_000_000)]).toEqual([true, false]);
  });

  it('may be as many without the first one, and with gaps', () => {
    const keys = new DeliveryKeySet();
    for (let ordinal = 1; ordinal < 17_000_000; ordinal += ordinal % 7 === 0 ? 2 : 1) keys.add(ordinal);
    expect([0, 1, 7, 8, 9, 16_999_999].map((ordinal) => keys.has(ordinal))).toEqual([
      false,
      true,
      true,
      false,
      true,
      true,
    ]);
    keys.add(0);
    expect([0, 1, 8].map((ordinal) => keys.has(ordinal))).toEqual([true, true, false]);
  });

  it('need little memory, in whatever order they are added', () => {
    const keys = new DeliveryKeySet();
    const used = (): number => {
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    const before = used();
    for (let ordinal = 1; ordinal < 4_000_000; ordinal++) keys.add(ordinal);
    // A Set would need 100 MB.
    expect(used() - before).toBeLessThan(20_000_000);
    expect(keys.has(3_999_999)).toBe(true);
  });
});
