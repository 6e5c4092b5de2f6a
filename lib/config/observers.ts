import type { Lsn } from '../common/lsn';

/** What a status update told the server, and what stands behind it. */
export interface StatusUpdate {
  /** The write position: what has been received. */
  readonly receivedLsn: Lsn;
  /**
   * The flush and apply position: everything before it is done. 0 until this session's first confirmation; where the stream
   * starts ahead of the slot, its start position from the first update on.
   */
  readonly confirmedLsn: Lsn;
  /** How many deliveries await their acknowledgement; a transaction counts as one. */
  readonly unackedMessages: number;
  /** Their size in bytes. */
  readonly unackedBytes: number;
  /** Whether reading rests because the window is full. */
  readonly paused: boolean;
}

/** What the subscriber's `closeObserver` hears when a subscription has ended and its connection is no longer used. */
export interface CloseInfo {
  /** The last position that was confirmed; 0 if none was. */
  readonly confirmedLsn: Lsn;
  /** The last position that was received. */
  readonly receivedLsn: Lsn;
  /** What ended the stream, if nobody asked for it. */
  readonly error: Error | undefined;
}
