import { FULL_READ, ReadPacer } from '../../lib/net/read-pacer';

/** A simulated server that sends at a rate, with socket buffers, and a paced reader. */
class Stream {
  readonly rests: number[] = [];
  /** The bytes that the server would have sent without pauses, and those that were read. */
  offered = 0;
  read = 0;
  readonly #pace = new ReadPacer(0);
  #now = 0;

  /**
   * Reads for this number of ms.
   *
   * @param rate the server's rate, in bytes per ms
   * @param capacity the capacity of the buffers
   * @param took how long the reader takes to process each read, in ms
   */
  run(
    ms: number,
    { rate, capacity = Infinity, took = 0.01 }: { rate: number; capacity?: number; took?: number },
  ): number[] {
    const before = this.rests.length;
    let waited = 0;
    for (const end = this.#now + ms; this.#now < end;) {
      const elapsed = Math.max(waited, 0.1) + took;
      this.#now += elapsed;
      let gathered = Math.min(capacity, rate * elapsed);
      this.offered += rate * elapsed;
      this.read += gathered;
      for (; gathered >= FULL_READ; gathered -= FULL_READ)
        expect(this.#pace.recordReadAndChoosePause(FULL_READ, this.#now)).toBe(0);
      waited = this.#pace.recordReadAndChoosePause(gathered, this.#now);
      this.rests.push(waited);
    }
    return this.rests.slice(before);
  }
}

/** The result of a run without its beginning. */
function settled(rests: number[]): number[] {
  return rests.slice(-20);
}

const QUIET = { rate: 1250 };
const BUSY = { rate: 3 * 1024 };
const FLOOD = { rate: 20_000 };

describe('ReadPacer', () => {
  it('does not pause while reads are small, however frequent', () => {
    expect(new Set(new Stream().run(1000, QUIET))).toEqual(new Set([0]));
  });

  it('does not pause after a burst of some rows', () => {
    const stream = new Stream();
    stream.run(100, { rate: 0 });
    for (let i = 0; i < 100; i++) {
      // A transaction of about 30 KB, in several reads.
      expect(new Set(stream.run(2, { rate: 15_000 }))).toEqual(new Set([0]));
      expect(new Set(stream.run(100, { rate: 0 }))).toEqual(new Set([0]));
    }
  });

  it('pauses for at most 2 ms at a high rate', () => {
    expect(new Set(settled(new Stream().run(500, BUSY)))).toEqual(new Set([2]));
  });

  it('pauses for longer in a flood, up to 32 ms', () => {
    const rests = new Stream().run(2000, FLOOD);
    expect(rests.filter((ms, i) => ms > (rests[i - 1] ?? 0))).toEqual([1, 2, 4, 8, 16, 32]);
    expect(new Set(settled(rests))).toEqual(new Set([32]));
  });

  it('does not pause after a full read, because the socket is not drained', () => {
    const stream = new Stream();
    // run() has the expectation.
    expect(settled(stream.run(2000, { rate: 60_000 }))).toContain(32);
  });

  it('stops pausing as soon as the rate is low again', () => {
    const stream = new Stream();
    stream.run(1000, FLOOD);
    stream.run(100, QUIET);
    expect(new Set(stream.run(500, QUIET))).toEqual(new Set([0]));
  });

  it('shortens the pauses when the flood is over', () => {
    const stream = new Stream();
    stream.run(1000, FLOOD);
    expect(Math.max(...settled(stream.run(1000, BUSY)))).toBe(2);
  });

  it('limits the pauses to the time in which the buffers do not fill', () => {
    const rests = new Stream().run(3000, { rate: 20_000, capacity: 100_000 });
    // The buffers fill in 5 ms.
    expect(Math.max(...settled(rests))).toBeLessThanOrEqual(8);
    expect(settled(rests)).toContain(4);
  });

  it('shortens the pauses if the rate rises, so that they fill the buffers', () => {
    const stream = new Stream();
    stream.run(1000, { rate: 9000 });
    stream.run(4000, { rate: 60_000, capacity: 300_000 });
    expect(Math.max(...settled(stream.rests))).toBeLessThanOrEqual(8);
  });

  it('shortens the pauses if the buffers shrink', () => {
    const stream = new Stream();
    stream.run(3000, { rate: 20_000, capacity: 100_000 });
    expect(settled(stream.rests)).toContain(4);
    const rests = stream.run(5000, { rate: 20_000, capacity: 30_000 }).slice(-200);
    expect(rests.filter((ms) => ms <= 2).length).toBeGreaterThan(rests.length * 0.7);
  });

  it('mostly pauses for no longer than the buffers take to fill', () => {
    const stream = new Stream();
    stream.run(1000, { rate: 20_000, capacity: 100_000 });
    stream.offered = stream.read = 0;
    stream.run(5000, { rate: 20_000, capacity: 100_000 });
    expect(stream.read / stream.offered).toBeGreaterThan(0.85);
  });

  it('stops pausing if even the shortest pause fills the buffers, and rarely tries again', () => {
    const stream = new Stream();
    stream.run(2000, { rate: 40_000, capacity: 30_000 });
    const rested = stream.run(5000, { rate: 40_000, capacity: 30_000 }).reduce((sum, ms) => sum + ms);
    expect(rested).toBeLessThan(0.02 * 5000);
    expect(rested).toBeGreaterThan(0);
  });

  it('pauses as long on a busy machine, where a pause can take longer than the next one of twice the length', () => {
    const stream = new Stream();
    for (let i = 0; i < 2000; i++) stream.run(1, { rate: 10_000, took: [0.1, 4, 0.2, 0.1, 2, 1, 0.1][i % 7] ?? 0 });
    expect(new Set(settled(stream.rests))).toEqual(new Set([32]));
  });

  it('pauses again when the buffers have grown', () => {
    const stream = new Stream();
    stream.run(2000, { rate: 40_000, capacity: 30_000 });
    expect(settled(stream.run(5000, FLOOD))).toContain(32);
  });
});
