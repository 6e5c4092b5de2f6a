/** The events that a consumer's process reports to its driver, one JSON line each. LSNs are decimal digits. */
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

/** A stream is subscribed to, for the first time or again. */
export interface SubscribingEvent {
  readonly event: 'subscribing';
}

/** A stream has started at `start`, or at the slot's position if it is undefined. */
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
 * Work has started and stored nothing; it waits as requested; it has failed; `ackAfter` has acknowledged its transaction.
 */
export interface WorkEvent extends Span {
  readonly event: 'work' | 'held' | 'failed' | 'acknowledged';
}

/** Work has stored its changes, before anything is acknowledged. */
export interface DoneEvent extends Span {
  readonly event: 'done';
  /** Of its rows in the ledger, see `digestOf`. */
  readonly digest?: string;
}

export interface StatusEvent {
  readonly event: 'status';
  readonly confirmed: string;
}

/** A stream has failed, and is retried. */
export interface AttemptEvent {
  readonly event: 'attempt';
  readonly attempt: number;
  readonly delay: number;
  readonly code: string;
}

/** A notifier emits in the next statement, which stops the stream. */
export interface StoppingEvent {
  readonly event: 'stopping';
  readonly state: StopState;
}

/** A stream has completed, or has ended with an error that is not retried. */
export interface EndedEvent {
  readonly event: 'completed' | 'ended';
  /** The error's code. */
  readonly code: string;
  readonly message: string;
  /** The number of open spool files. */
  readonly spools: number;
}

/** A streamed transaction, or a subtransaction of one, has ended. */
export interface StreamedEvent {
  readonly event: 'streamed';
  readonly end: 'streamCommit' | 'streamPrepare' | 'streamAbort' | 'savepointAbort';
}

/** The response to the command of this name. */
export interface SpoolsEvent {
  readonly event: 'spools';
  readonly open: number;
}

/** The response to the command of this name, after all earlier events. */
export interface EchoEvent {
  readonly event: 'echo';
}

/** An inconsistency that the source cannot have produced. */
export interface WrongEvent {
  readonly event: 'wrong';
  readonly what: string;
}

/** The unit of an event. */
export interface Span {
  readonly kind: UnitKind;
  readonly xid: number;
  readonly end: string;
  /** Of a prepared transaction, or of its end. */
  readonly gid?: string;
}

export type UnitKind = 'transaction' | 'progress' | 'preparedTransaction' | 'commitPrepared' | 'rollbackPrepared';

/** The state of a stream when it is stopped. */
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

/** The state that a stop waits for, or `now`. */
export type Moment = 'now' | 'connecting' | 'waiting' | 'transaction' | 'block' | 'working' | 'failing';

/** What stops a stream. */
export type StopSignal = 'subject' | 'signal' | 'SIGTERM';

/** The commands to a consumer's process. */
export type ConsumerCommand =
  /** The next work fails, or takes this time. */
  | { readonly command: 'fail'; readonly stored: boolean }
  | { readonly command: 'hang'; readonly ms: number }
  /** The next work waits, before it stores anything, until another session is open. */
  | { readonly command: 'hold' }
  | StopCommand
  /** Subscribe again, after the stream has ended. */
  | { readonly command: 'start' }
  /** End the process, after the stream has ended. */
  | { readonly command: 'leave' }
  /** Report the number of open spool files. */
  | { readonly command: 'spools' }
  /** Respond. */
  | { readonly command: 'echo' };

export interface StopCommand {
  readonly command: 'stop';
  readonly moment: Moment;
  /** Whether the running work then fails; otherwise it succeeds. */
  readonly fails?: boolean;
}

/** The options of a consumer's process. */
export interface ConsumerOptions {
  readonly connection: string;
  readonly slot: string;
  /** The database of an exactly-once store. Without it, the consumer is at-least-once, with concurrent work for several transactions. */
  readonly store?: string;
  readonly concurrent: number;
  readonly streaming: 'off' | 'on' | 'parallel';
  readonly twoPhase: boolean;
  readonly maxBytes: number;
  readonly spoolDirectory: string;
  readonly signal: StopSignal;
  /** Whether it is stopped before it subscribes. */
  readonly stopped: boolean;
}
