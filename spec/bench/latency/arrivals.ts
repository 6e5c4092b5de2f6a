/** Records when each row arrived, at the cost of two stores. */
export class Arrivals {
  /** The time of each row's insert by the server's clock, in µs since 1970. */
  readonly stamps: Float64Array;
  /** The times by `performance.now()`, in ms. */
  readonly times: Float64Array;
  #count = 0;

  constructor(rows: number) {
    this.stamps = new Float64Array(rows);
    this.times = new Float64Array(rows);
  }

  get complete(): boolean {
    return this.#count === this.stamps.length;
  }

  record(stamp: number, time: number): void {
    if (this.complete) throw new Error(`More than ${this.stamps.length} rows came.`);
    this.stamps[this.#count] = stamp;
    this.times[this.#count] = time;
    this.#count += 1;
  }
}
