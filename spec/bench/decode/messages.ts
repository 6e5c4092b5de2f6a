import type { Digest } from './digest';

/** The messages to the child process. */
export type Request = 'digest' | 'round';

/** The messages of the child process: whether it is ready, and then the result of each request. */
export type Reply =
  | { readonly kind: 'ready' }
  /** The parser's package is not installed. */
  | { readonly kind: 'missing' }
  | ({ readonly kind: 'digest' } & Digest)
  | ({ readonly kind: 'round' } & Timing);

/** Decodes all payloads as often as the minimum duration allows. */
export interface Timing {
  readonly passes: number;
  /** The number of changes in all passes. */
  readonly changes: number;
  readonly wallMicros: number;
  /** Includes the time of other threads, such as garbage collection. */
  readonly processorMicros: number;
}
