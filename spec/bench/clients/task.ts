import type { Counts } from '../workloads';
import type { Endpoint } from '../server';

/** What a client is told to do, once its modules are loaded. */
export interface Task {
  readonly endpoint: Endpoint;
  readonly slot: string;
  readonly publication: string;
  /** How many changes there are to come. */
  readonly changes: number;
}

/** What a client measured of itself when the last change was there. */
export interface Done {
  readonly event: 'done';
  readonly wallMs: number;
  readonly userMicros: number;
  readonly systemMicros: number;
  readonly peakRssBytes: number;
  /** Where the last commit ends, and what pg_recvlogical would have written by then: only from the bare sockets. */
  readonly bare?: Bare;
}

export interface Bare {
  /** An LSN as `X/Y`. */
  readonly end: string;
  /** Bytes of all payloads, and one for each. */
  readonly bytes: number;
}

/** What a client says: it is ready for its task, done with it, and gone. The counts come last, as it could get too many. */
export type ClientEvent = { readonly event: 'ready' } | Done | { readonly event: 'left'; readonly counts: Counts };

/** What a client hears: its task, and that it may go. */
export type ClientCommand = { readonly command: 'drain'; readonly task: Task } | { readonly command: 'leave' };
