/** What one client needed to drain one workload once. */
export interface Sample {
  readonly client: string;
  readonly workload: string;
  /** How many inserts, updates and deletes came: always as many as the workload has. */
  readonly changes: number;
  /** From just before connecting until the last change, or the commit behind it, was there. */
  readonly wallMs: number;
  readonly clientUserMicros: number;
  readonly clientSystemMicros: number;
  /** Processor time of the walsender, from its start; undefined where there is no /proc. */
  readonly serverMicros: number | undefined;
  /** Undefined where the system does not tell. */
  readonly peakRssBytes: number | undefined;
}
