import type { Machine } from './machine';
import type { Sample } from './sample';

/** What all parts of the bench say about where their figures come from. */
export interface Circumstances {
  readonly machine: Machine;
  /** The server's release, as `18.4`. */
  readonly server: string;
  /** When it was measured, in ISO 8601. */
  readonly date: string;
  /** What the workloads were shrunk to: 1 is their full size. */
  readonly scale: number;
  readonly rounds: number;
}

export interface MeasuredWorkload {
  readonly name: string;
  readonly title: string;
  readonly changes: number;
}

/** A run of the throughput bench. */
export interface ThroughputResult extends Circumstances {
  readonly workloads: readonly MeasuredWorkload[];
  /** Each workload's samples in the order of the rounds. */
  readonly samples: readonly Sample[];
  /** What could not be measured, and why. */
  readonly missing: readonly string[];
}

/** Where it was measured, in one line. */
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
