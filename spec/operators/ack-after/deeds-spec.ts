import { Deeds } from '../../../lib/operators/ack-after/deeds';
import { Work } from '../../../lib/operators/ack-after/work';

describe('what was done of a transaction', () => {
  it('is known by its place, in whatever order it was done', () => {
    const deeds = new Deeds<never>();
    for (const place of [2, 0, 5, 1, 'commit']) deeds.done(place);
    expect([0, 1, 2, 3, 4, 5, 6, 'commit', 'begin'].filter((place) => deeds.isDone(place))).toEqual([
      0,
      1,
      2,
      5,
      'commit',
    ]);
    deeds.done(3);
    deeds.done(4);
    expect([4, 5, 6].map((place) => deeds.isDone(place))).toEqual([true, true, false]);
  });

  it('may be more than any collection holds', () => {
    const deeds = new Deeds<never>();
    for (let ordinal = 0; ordinal < 17_000_000; ordinal++) deeds.done(ordinal);
    expect([deeds.isDone(16_999_999), deeds.isDone(17_000_000)]).toEqual([true, false]);
  });

  it('may be as many of which the first was dropped, and others in between', () => {
    const deeds = new Deeds<never>();
    for (let ordinal = 1; ordinal < 17_000_000; ordinal += ordinal % 7 === 0 ? 2 : 1) deeds.done(ordinal);
    expect([0, 1, 7, 8, 9, 16_999_999].map((ordinal) => deeds.isDone(ordinal))).toEqual([
      false,
      true,
      true,
      false,
      true,
      true,
    ]);
    deeds.done(0);
    expect([0, 1, 8].map((ordinal) => deeds.isDone(ordinal))).toEqual([true, true, false]);
  });

  it('takes little memory, in whatever order it is done', () => {
    const deeds = new Deeds<never>();
    const used = (): number => {
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    const before = used();
    for (let ordinal = 1; ordinal < 4_000_000; ordinal++) deeds.done(ordinal);
    // A Set would have 100 MB.
    expect(used() - before).toBeLessThan(20_000_000);
    expect(deeds.isDone(3_999_999)).toBe(true);
  });

  it('is not what runs, and what has failed is as if it had never been', () => {
    const deeds = new Deeds<number>();
    const work = new Work<number>(new Promise<number>(() => undefined));
    deeds.begin(7, work);
    expect([deeds.isDone(7), deeds.workAt(7) === work, deeds.running]).toEqual([false, true, true]);
    work.cancel();
    expect([deeds.workAt(7), deeds.running]).toEqual([undefined, false]);
    deeds.done(7);
    expect([deeds.isDone(7), deeds.workAt(7)]).toEqual([true, undefined]);
  });
});
