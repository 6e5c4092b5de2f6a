import { median, pairwiseRatios, percentile, spread } from './statistics';

describe('statistics', () => {
  it('median returns the middle value, or the mean of two', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 10, 2])).toBe(3);
    expect(median([7])).toBe(7);
  });

  it('percentile returns the nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(percentile(hundred, 50)).toBe(50);
    expect(percentile(hundred, 99)).toBe(99);
    expect(percentile(hundred, 100)).toBe(100);
    expect(percentile([1, 2, 3], 50)).toBe(2);
    expect(spread([3, 1, 2])).toEqual({ median: 2, least: 1, most: 3 });
  });

  it('ratios are computed round by round', () => {
    // The second round is slow for both clients. The ratio of the medians would be 1.
    expect(pairwiseRatios([20, 4, 22], [10, 2, 11])).toEqual([2, 2, 2]);
    expect(() => pairwiseRatios([1, 2], [1])).toThrow('do not make pairs');
  });

  it('no values have no statistics', () => {
    expect(() => median([])).toThrow('no statistic');
    expect(() => percentile([], 50)).toThrow('no statistic');
  });
});
