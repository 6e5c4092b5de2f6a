import type { Machine } from './machine';
import type { Sample } from './sample';

/** The origin of the figures, in the results of all parts of the bench. */
export interface Circumstances {
  readonly machine: Machine;
  /** The server's release, as `18.4`. */
  readonly server: string;
  /** The time of the measurement in ISO 8601. */
  readonly date: string;
  /** The factor for the size of the workloads; 1 is the full size. */
  readonly scale: number;
  readonly rounds: number;
}

export interface MeasuredWorkload {
  readonly name: string;
  readonly title: string;
  readonly changes: number;
}

/** The result of the throughput bench. */
export interface ThroughputResult extends Circumstances {
  readonly workloads: readonly MeasuredWorkload[];
  /** Each workload's samples in the order of the rounds. */
  readonly samples: readonly Sample[];
  /** What could not be measured, and the reason. */
  readonly missing: readonly string[];
}

/** Describes the machine in one line. */
export function circumstancesLine({ machine, server, date, scale, rounds }: Circumstances): string {
  return [
    `${machine.processor}, ${machine.cores} cores, ${machine.kernel}`,
    `Node ${machine.node.replace(/^v/, '')}`,
    `PostgreSQL ${server}`,
    `median of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}`,
    ...(scale === 1 ? [] : [`scale ${Number(scale.toPrecision(3))}`]),
    date.slice(0, 10),
  ].join(' · ');
}

export function workloadTitle({ name, title, changes }: MeasuredWorkload): string {
  return `${name}: ${changes.toLocaleString('en')} changes, ${title}`;
}
