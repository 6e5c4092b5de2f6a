/** What a consumer's process tells its driver, a JSON line each. LSNs are digits. */
export type ConsumerEvent =
  | SubscribingEvent
  | OpenEvent
  | DeliverEvent
  | WorkEvent
  | DoneEvent
  | StatusEvent
  | AttemptEvent
  | StoppingEvent
  | EndedEvent
  | StreamedEvent
  | SpoolsEvent
  | EchoEvent
  | WrongEvent;

/** A stream is subscribed to, for the first time or another. */
export interface SubscribingEvent {
  readonly event: 'subscribing';
}

/** A stream has started at `start`, or where that is missing at the slot's position. */
export interface OpenEvent {
  readonly event: 'open';
  readonly start?: string;
  readonly slot: string;
}

export interface DeliverEvent extends Span {
  readonly event: 'deliver';
  readonly size: number;
  /** Whether its changes are in a spool file. */
  readonly spooled: boolean;
}

/**
 * A work has been started, and nothing is done yet; it waits, as it was asked to; it has failed; `ackAfter` has acknowledged
 * it.
 */
export interface WorkEvent extends Span {
  readonly event: 'work' | 'held' | 'failed' | 'acknowledged';
}

/** A work is done, and nothing is acknowledged yet. */
export interface DoneEvent extends Span {
  readonly event: 'done';
  /** Of the ledger's rows in it, see `digestOf`. */
  readonly digest?: string;
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

/** A notifier tells the stream to stop, in the next statement. */
export interface StoppingEvent {
  readonly event: 'stopping';
  readonly state: StopState;
}

/** A stream has completed, or has ended with an error for good. */
export interface EndedEvent {
  readonly event: 'completed' | 'ended';
  /** Of the error. */
  readonly code: string;
  readonly message: string;
  /** How many spool files are still open. */
  readonly spools: number;
}

/** How a streamed transaction, or a subtransaction of one, has ended. */
export interface StreamedEvent {
  readonly event: 'streamed';
  readonly end: 'streamCommit' | 'streamPrepare' | 'streamAbort' | 'savepointAbort';
}

/** The answer to the command of this name. */
export interface SpoolsEvent {
  readonly event: 'spools';
  readonly open: number;
}

/** The answer to the command of this name: all that was said before has been heard. */
export interface EchoEvent {
  readonly event: 'echo';
}

/** Something cannot be what the source has done. */
export interface WrongEvent {
  readonly event: 'wrong';
  readonly what: string;
}

/** Which unit an event is about. */
export interface Span {
  readonly kind: UnitKind;
  readonly xid: number;
  readonly end: string;
  /** Of what is prepared, or ends that. */
  readonly gid?: string;
}

export type UnitKind = 'transaction' | 'progress' | 'preparedTransaction' | 'commitPrepared' | 'rollbackPrepared';

/** What a stream is about when it is told to stop. */
export type StopState =
  | 'before the subscription'
  | 'connecting'
  | 'waiting for another attempt'
  | 'streaming, idle'
  | 'in a transaction'
  | 'in a streamed block'
  | 'a work runs'
  | 'a work fails'
  | 'draining';

/** Where a stop waits for: the state that it is to fall in, or that it comes at once. */
export type Moment = 'now' | 'connecting' | 'waiting' | 'transaction' | 'block' | 'working' | 'failing';

/** What tells a stream to stop. */
export type StopSignal = 'subject' | 'signal' | 'SIGTERM';

/** What a driver asks of a consumer's process. */
export type ConsumerCommand =
  /** That its next work fails, or takes so long. */
  | { readonly command: 'fail'; readonly stored: boolean }
  | { readonly command: 'hang'; readonly ms: number }
  /** That its next work waits, with nothing done, until another session is open. */
  | { readonly command: 'hold' }
  | StopCommand
  /** To subscribe again, after an end. */
  | { readonly command: 'start' }
  /** To end by itself, after an end. */
  | { readonly command: 'leave' }
  /** To say how many spool files are open. */
  | { readonly command: 'spools' }
  /** To answer. */
  | { readonly command: 'echo' };

export interface StopCommand {
  readonly command: 'stop';
  readonly moment: Moment;
  /** Whether the work that runs then fails in the end; otherwise it succeeds. */
  readonly fails?: boolean;
}

/** What a consumer's process is started with. */
export interface ConsumerOptions {
  readonly connection: string;
  readonly slot: string;
  /** The database of an exactly-once store; without one it is at least once, with several works at a time. */
  readonly store?: string;
  readonly concurrent: number;
  readonly streaming: 'off' | 'on' | 'parallel';
  readonly twoPhase: boolean;
  readonly maxBytes: number;
  readonly spoolDirectory: string;
  readonly signal: StopSignal;
  /** Whether it is told to stop before it subscribes. */
  readonly stopped: boolean;
}
