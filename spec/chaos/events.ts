/** What a consumer's process tells its driver, a JSON line each. LSNs are digits. */
export type ConsumerEvent = OpenEvent | DeliverEvent | WorkEvent | StatusEvent | AttemptEvent | EndedEvent;

/** A stream has started at `start`, or where that is missing at the slot's position. */
export interface OpenEvent {
  readonly event: 'open';
  readonly start?: string;
  readonly slot: string;
}

export interface DeliverEvent extends Span {
  readonly event: 'deliver';
  readonly size: number;
  readonly xid: number;
}

/**
 * A work has been started, and nothing is done yet; it has failed; it is done, and nothing is acknowledged yet; `ackAfter`
 * has acknowledged it.
 */
export interface WorkEvent extends Span {
  readonly event: 'work' | 'failed' | 'done' | 'acknowledged';
}

export interface StatusEvent {
  readonly event: 'status';
  readonly confirmed: string;
}

/** A stream has failed, and is tried again. */
export interface AttemptEvent {
  readonly event: 'attempt';
  readonly attempt: number;
  readonly delay: number;
  readonly code: string;
}

/** A stream has ended for good. */
export interface EndedEvent {
  readonly event: 'ended';
  readonly code: string;
  readonly message: string;
}

interface Span {
  readonly progress: boolean;
  readonly commit: string;
  readonly end: string;
}

/** What a driver asks of a consumer's process: that its next work fails, or takes so long. */
export type ConsumerCommand =
  { readonly command: 'fail'; readonly stored: boolean } | { readonly command: 'hang'; readonly ms: number };

/** What a consumer's process is started with. */
export interface ConsumerOptions {
  readonly connection: string;
  readonly slot: string;
  /** The database of an exactly-once store; without one it is at least once, with several works at a time. */
  readonly store?: string;
  readonly concurrent: number;
}
