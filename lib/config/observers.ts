import type { Lsn } from '../common/lsn';

/**
 * A status update that the client sent, with the state of the window.
 *
 * Source: manual, "Streaming Replication Protocol", Standby status update.
 *
 * @example
 * const statusObserver = { next: ({ unackedBytes, paused }: StatusUpdate) => console.log(unackedBytes, paused) };
 */
export interface StatusUpdate {
  /** The write position: the end of the received WAL. */
  readonly receivedLsn: Lsn;
  /**
   * The flush and apply position: all changes before it are acknowledged. `0n` until the first confirmation of the session; if
   * the stream starts ahead of the slot, the start position from the first update on.
   */
  readonly confirmedLsn: Lsn;
  /** The number of unacknowledged deliveries; a transaction counts as one. */
  readonly unackedMessages: number;
  /** The size of the unacknowledged deliveries, in bytes. */
  readonly unackedBytes: number;
  /** Whether reading is paused because `maxUnacked` or `maxUnackedBytes` is reached. */
  readonly paused: boolean;
}

/** The value that `closeObserver` receives when a stream has ended and its connection is closed. */
export interface CloseInfo {
  /** The last confirmed LSN; `0n` if there is none. */
  readonly confirmedLsn: Lsn;
  /** The end of the received WAL. */
  readonly receivedLsn: Lsn;
  /** The error that ended the stream; undefined after an unsubscription or a stop. */
  readonly error: Error | undefined;
}
