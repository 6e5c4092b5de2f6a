import { type Sample } from './sample';
import { median } from './statistics';

/** The figures of a client in the units that are printed. */
export type Measure = 'wallSeconds' | 'throughput' | 'clientTime' | 'serverTime' | 'walsenderBusy' | 'peakRss';

const FORMULAS: Readonly<Record<Measure, (sample: Sample) => number | undefined>> = {
  wallSeconds: ({ wallMs }) => wallMs / 1000,
  /** Thousand changes per second, which is changes per millisecond. */
  throughput: ({ changes, wallMs }) => changes / wallMs,
  /** Processor time of the client, in µs per change. */
  clientTime: ({ changes, clientUserMicros, clientSystemMicros }) => (clientUserMicros + clientSystemMicros) / changes,
  /** Processor time of the walsender, in µs per change. */
  serverTime: ({ changes, serverMicros }) => over(serverMicros, changes),
  /** The share of the time in which the walsender was running. At 1, no client could be faster. */
  walsenderBusy: ({ wallMs, serverMicros }) => over(serverMicros, wallMs * 1000),
  /** In MB of 10⁶ bytes. */
  peakRss: ({ peakRssBytes }) => over(peakRssBytes, 1e6),
};

/** The measurements of one workload, from the first round to the last. */
export class Figures {
  readonly #byClient = new Map<string, Sample[]>();

  constructor(
    samples: readonly Sample[],
    readonly workload: string,
  ) {
    for (const sample of samples.filter((each) => each.workload === workload)) {
      const ofClient = this.#byClient.get(sample.client);
      if (ofClient) ofClient.push(sample);
      else this.#byClient.set(sample.client, [sample]);
    }
  }

  /** In the order of their first measurement. */
  get clients(): string[] {
    return [...this.#byClient.keys()];
  }

  has(client: string): boolean {
    return this.#byClient.has(client);
  }

  /** Round by round; undefined if the figure was not measured for the client. */
  values(client: string, measure: Measure): number[] | undefined {
    const values = (this.#byClient.get(client) ?? []).map(FORMULAS[measure]);
    return values.length > 0 && values.every((value) => value !== undefined) ? values : undefined;
  }

  median(client: string, measure: Measure): number | undefined {
    const values = this.values(client, measure);
    return values && median(values);
  }
}

function over(value: number | undefined, divisor: number): number | undefined {
  return value === undefined ? undefined : value / divisor;
}
