import { measureGrowth } from './shapes';

describe('decoding of values', () => {
  it('takes time proportional to their length', () => {
    expect(measureGrowth(2 * 1024, 32 * 1024, 60).tooFast).toEqual([]);
  });
});
