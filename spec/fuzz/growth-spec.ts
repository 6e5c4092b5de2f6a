import { measureGrowth } from './shapes';

describe('reading values', () => {
  it('takes time in proportion to their length, whatever they are', () => {
    expect(measureGrowth(2 * 1024, 32 * 1024, 60).tooFast).toEqual([]);
  });
});
