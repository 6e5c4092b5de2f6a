import { Deeds } from '../../lib/operators/deeds';
import { Work } from '../../lib/operators/work';

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
