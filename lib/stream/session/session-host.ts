import type { StreamSource } from '../../ledger/checkpoint';
import type { TypeCatalog } from '../../pgoutput/types/type-catalog';
import type { Lsn } from '../../common/lsn';
import type { AnyPgoutputMessage, StreamMessage } from '../../pgoutput/messages/messages';
import type { XLogDataMessage } from '../../pgoutput/messages/walsender-messages';
import type { StreamHistory } from '../../ledger/stream-history';
import type { DropEvidence } from '../../ledger/unit-ledger';
import type { SessionSettings } from '../../config/config';
import type { StatusUpdate } from '../../config/observers';

/** Turns the body of an XLogData, from its header on, into a message. */
export type PayloadDecoder = (buffer: Buffer, start: number, end: number) => AnyPgoutputMessage | XLogDataMessage;

/** What the session does to the world. */
export interface SessionHost {
  send(bytes: Buffer): void;
  /** @returns false once nobody listens any more */
  deliver(message: StreamMessage): boolean;
  /** Delivery has ended by a stop. */
  complete(): void;
  /** Lets the socket rest, or flow again. */
  hold(resting: boolean): void;
  /** Deliveries of so many bytes, some of which have waited in a full window, are done. */
  relieved(bytes: number): void;
  /** Asks for `pump()` in a later turn of the event loop. */
  wake(): void;
  /** Asks what these types are made of, and for `typesKnown()` in a later turn, whether or not that could be found out. */
  lookUp(typeOids: readonly number[]): void;
  /** Asks for `report()` after so many ms. */
  reportIn(ms: number): void;
  /** A status update went out. */
  reported(status: StatusUpdate): void;
  /** The session takes leave of the server; from here on the close time-out counts. */
  closing(afterStop: boolean): void;
  /** Takes note of what ends the stream, and gives back the error as the subscriber will be told it. */
  conclude(error: Error): Error;
  /**
   * The session is over, and has nothing left to read or to send.
   *
   * @returns what its subscriber is told instead of completion
   */
  closed(error?: Error): unknown;
  warn(text: string): void;
  /** Warns that operators drop what they should pass on. */
  warnOfDroppedTransaction(how: DropEvidence): void;
  /** Calls back after so many ms, unless the session is over by then. One call at a time. */
  later(ms: number, callback: () => void): void;
  /** Monotonic, in ms. */
  elapsed(): number;
  /** Wall clock, in ms since 1970. */
  clock(): number;
}

export interface SessionOptions extends SessionSettings {
  /** Where the slot stands as the stream starts. To confirm less would tell older servers to go back. Default 0. */
  readonly slotLsn?: Lsn | undefined;
  readonly source: StreamSource;
  readonly history: StreamHistory;
  /** What is known of types that are not built in; undefined where nobody asks. */
  readonly catalog?: TypeCatalog | undefined;
  /** Where the stream starts. What lies before it is nothing new. Default 0. */
  readonly startLsn?: Lsn | undefined;
}
