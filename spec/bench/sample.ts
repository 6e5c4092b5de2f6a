/** The measurements of one client draining one workload once. */
export interface Sample {
  readonly client: string;
  readonly workload: string;
  /** The number of inserts, updates and deletes; always equal to the workload's. */
  readonly changes: number;
  /** From just before connecting until the last change, or its commit, was received. */
  readonly wallMs: number;
  readonly clientUserMicros: number;
  readonly clientSystemMicros: number;
  /** Processor time of the walsender, from its start; undefined without /proc. */
  readonly serverMicros: number | undefined;
  /** Undefined if the system does not provide it. */
  readonly peakRssBytes: number | undefined;
}
