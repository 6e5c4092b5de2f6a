import type { Counts } from '../workloads';
import type { Endpoint } from '../server';

/** The task of a client, sent when its modules are loaded. */
export interface Task {
  readonly endpoint: Endpoint;
  readonly slot: string;
  readonly publication: string;
  /** The number of changes to expect. */
  readonly changes: number;
}

/** The client's own measurements at the last change. */
export interface Done {
  readonly event: 'done';
  readonly wallMs: number;
  readonly userMicros: number;
  readonly systemMicros: number;
  readonly peakRssBytes: number;
  /** The end of the last commit, and the size of pg_recvlogical's output up to it. Only from bare sockets. */
  readonly bare?: Bare;
}

export interface Bare {
  /** An LSN as `X/Y`. */
  readonly end: string;
  /** The bytes of all payloads, plus one byte for each. */
  readonly bytes: number;
}

/** The messages of a client: ready for its task, done, and ended. The last one has the counts, to show surplus changes. */
export type ClientEvent = { readonly event: 'ready' } | Done | { readonly event: 'left'; readonly counts: Counts };

/** The messages to a client: its task, and permission to exit. */
export type ClientCommand = { readonly command: 'drain'; readonly task: Task } | { readonly command: 'leave' };
