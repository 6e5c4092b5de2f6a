import type { TypeCatalog } from '../../pgoutput/types/type-catalog';
import type { Lsn } from '../../common/lsn';
import type { AnyPgoutputMessage, StreamMessage } from '../../pgoutput/messages/messages';
import type { XLogDataMessage } from '../../pgoutput/messages/walsender-messages';
import type { StreamSource } from '../../ledger/checkpoint';
import type { StreamHistory } from '../../ledger/stream-history';
import type { DropEvidence } from '../../ledger/unit-ledger';
import type { SessionSettings } from '../../config/settings';
import type { StatusUpdate } from '../../config/observers';

/** Decodes the body of an XLogData, header included, to a message. */
export type PayloadDecoder = (buffer: Buffer, start: number, end: number) => AnyPgoutputMessage | XLogDataMessage;

/** The connection to the server. */
export interface SessionTransport {
  write(bytes: Buffer): void;
  /** Pauses reading from the socket. */
  pause(): void;
  resume(): void;
}

/** The receiver of the messages. */
export interface SessionSubscriber {
  /** @returns false once the subscriber has unsubscribed */
  deliver(message: StreamMessage): boolean;
  /** A stop has ended delivery; the session continues until everything delivered is settled. */
  complete(): void;
  /**
   * The session has ended, and neither reads nor sends any more.
   *
   * @param cause undefined where the session has ended as it was asked to
   * @returns the error that the subscriber receives, undefined for completion
   */
  end(cause?: Error): unknown;
}

/** Clocks, and calls in a later turn of the event loop. */
export interface SessionTimers {
  /** Monotonic time, in ms. */
  elapsed(): number;
  /** Wall-clock time, in ms since 1970. */
  now(): number;
  /** Schedules a call of `read()`. */
  scheduleRead(): void;
  /** Schedules a call of `report()` in so many ms. */
  scheduleReport(ms: number): void;
  /** Schedules a call, unless the session ends before. A second call replaces one that is scheduled. */
  schedule(ms: number, callback: () => void): void;
}

/** Observes what the session does. */
export interface SessionObserver {
  /** A status update was sent. */
  statusSent(status: StatusUpdate): void;
  /** The session starts to close the connection, for which the close timeout counts from now on. */
  closing(afterStop: boolean): void;
  /**
   * @param bytes delivered since the window last reopened, or since the start
   * @param waitedMs for how long reading has waited, in ms
   */
  windowReopened(bytes: number, waitedMs: number): void;
  warn(text: string): void;
  /** Operators seem to drop transactions instead of passing them on. */
  warnOfDroppedTransaction(how: DropEvidence): void;
}

/** Everything outside of the session that it uses. */
export interface SessionPorts {
  readonly transport: SessionTransport;
  readonly subscriber: SessionSubscriber;
  readonly timers: SessionTimers;
  readonly observer: SessionObserver;
  /** Looks types up in the catalog, then calls `completeTypeLookup()` in a later turn, with an error where it failed. */
  readonly lookUpTypes: (typeOids: readonly number[]) => void;
}

export interface SessionOptions extends SessionSettings {
  /** The slot's confirmed flush LSN when the stream starts. Reporting less would move the slot back on older servers. Default 0. */
  readonly slotLsn?: Lsn | undefined;
  readonly source: StreamSource;
  readonly history: StreamHistory;
  /** The known types that are not built in; undefined where types are not looked up. */
  readonly catalog?: TypeCatalog | undefined;
  /** Where the stream starts: positions before it are not new. Default 0. */
  readonly startLsn?: Lsn | undefined;
}
