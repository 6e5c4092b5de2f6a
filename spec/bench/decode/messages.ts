import type { Digest } from './digest';

/** What the child is told to do with the payloads. */
export type Request = 'digest' | 'round';

/** What it answers: first whether it is ready, and then each time what came of it. */
export type Reply =
  | { readonly kind: 'ready' }
  /** The parser's package is not installed. */
  | { readonly kind: 'missing' }
  | ({ readonly kind: 'digest' } & Digest)
  | ({ readonly kind: 'round' } & Timing);

/** As many passes over all payloads as fill a moment. */
export interface Timing {
  readonly passes: number;
  /** How many changes came in all of them. */
  readonly changes: number;
  readonly wallMicros: number;
  /** With what other threads needed, such as those that collect garbage. */
  readonly processorMicros: number;
}
