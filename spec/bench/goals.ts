import type { Measure } from './figures';

/** What a client is compared with: another client, or the best of the other Node packages. */
export type Rival = 'best Node peer' | 'pg_recvlogical' | 'ours' | 'yardstick';

/** A goal of this library. With a rival, the limits apply to the ratio to the rival's figure. */
export interface Goal {
  readonly client: 'ours' | 'ours-unconfirmed' | 'ours-tap' | 'ours-ack-after';
  readonly measure: Measure;
  readonly against?: Rival;
  readonly bound: 'at least' | 'at most';
  /** Limits by workload; a missing workload has no goal. */
  readonly limits: Readonly<Partial<Record<string, number>>>;
}

export const NODE_PEERS: readonly string[] = [
  'pg-logical-replication',
  'pg-logical-replication-1s',
  'pgwire',
  'postgres',
];

export const GOALS: readonly Goal[] = [
  {
    client: 'ours',
    measure: 'throughput',
    against: 'pg_recvlogical',
    bound: 'at least',
    limits: { W1: 2.0, W2: 2.1, W3: 1.35 },
  },
  {
    client: 'ours',
    measure: 'throughput',
    against: 'best Node peer',
    bound: 'at least',
    limits: { W1: 1.0, W2: 1.0, W3: 1.25 },
  },
  { client: 'ours', measure: 'walsenderBusy', bound: 'at least', limits: { W1: 0.85, W2: 0.85, W3: 0.85 } },
  {
    client: 'ours',
    measure: 'clientTime',
    against: 'best Node peer',
    bound: 'at most',
    limits: { W1: 0.3, W2: 0.18, W3: 0.5 },
  },
  { client: 'ours', measure: 'clientTime', against: 'pg_recvlogical', bound: 'at most', limits: { W1: 0.3, W2: 0.15 } },
  {
    client: 'ours-tap',
    measure: 'clientTime',
    against: 'ours',
    bound: 'at most',
    limits: { W1: 1.15, W2: 1.25, W3: 1.1 },
  },
  { client: 'ours', measure: 'peakRss', bound: 'at most', limits: { W1: 100, W2: 100, W3: 110 } },
  {
    client: 'ours-unconfirmed',
    measure: 'clientTime',
    against: 'yardstick',
    bound: 'at most',
    limits: { W1: 1.1, W2: 1.5, W3: 0.65 },
  },
  {
    client: 'ours-tap',
    measure: 'clientTime',
    against: 'yardstick',
    bound: 'at most',
    limits: { W1: 1.25, W2: 1.7, W3: 0.65 },
  },
  {
    client: 'ours-ack-after',
    measure: 'clientTime',
    against: 'yardstick',
    bound: 'at most',
    limits: { W1: 1.3, W2: 2.0, W3: 0.68 },
  },
  {
    client: 'ours-ack-after',
    measure: 'clientTime',
    against: 'best Node peer',
    bound: 'at most',
    limits: { W1: 0.43, W2: 0.5, W3: 0.48 },
  },
  {
    client: 'ours-ack-after',
    measure: 'throughput',
    against: 'pg_recvlogical',
    bound: 'at least',
    limits: { W1: 2.1, W2: 2.1, W3: 1.1 },
  },
  { client: 'ours-ack-after', measure: 'peakRss', bound: 'at most', limits: { W1: 95, W2: 100, W3: 105 } },
];

/** The minimum ratio of the throughput of this library's parser to that of pg-logical-replication's, for decoding alone. */
export const DECODE_GOALS: Readonly<Partial<Record<string, number>>> = { W1: 6, W3: 3 };
