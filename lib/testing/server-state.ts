import type { Lsn } from '../common/lsn';

/** A replication slot of the fake server. All properties may be changed at any time. */
export interface FakeSlot {
  plugin: string;
  type: 'logical' | 'physical';
  database: string;
  temporary: boolean;
  /** Whether it sends transactions when they are prepared. A client that streams with `two_phase` sets it permanently. */
  twoPhase: boolean;
  /** The confirmed position, from status updates. */
  confirmedFlushLsn: Lsn;
  walStatus: string;
  /** Why the server invalidated the slot. Reported from PostgreSQL 17 on. */
  invalidationReason: string | undefined;
  /** The process that streams from it: a connection, or the ID of a process without a connection. */
  owner: { readonly processId: number } | number | undefined;
}

/** The LSN at which the server switched from an earlier timeline to the next one. */
export interface TimelineSwitch {
  readonly timeline: number;
  readonly switchLsn: Lsn;
  /** Default: 'no recovery target specified'. */
  readonly reason?: string;
}

/** The behaviour of the server. May be changed at any time. */
export interface FakeBehaviour {
  /** Whether the server responds. If false, it accepts connections and sends nothing. */
  answers: boolean;
  /** Whether CREATE_REPLICATION_SLOT waits, as for open write transactions. */
  creationWaits: boolean;
  /**
   * What the server does when it receives CopyDone: `reply` ends the stream as PostgreSQL does (CopyDone, CommandComplete,
   * ReadyForQuery), `ignore` sends nothing, `close` closes the connection without a reply. Default: `reply`.
   */
  onCopyDone: 'reply' | 'ignore' | 'close';
  /**
   * Whether it sends keepalives: at the start, on request, and to a client that was silent for half of wal_sender_timeout. After all
   * of wal_sender_timeout it closes the connection.
   */
  keepalives: boolean;
  /** The response to SSLRequest, without TLS after it. Default: S if there is a certificate, else N. */
  answersSslRequest?: Buffer | undefined;
  /** The responses to matching queries, without ReadyForQuery. */
  readonly answersTo: [pattern: RegExp, answer: Buffer][];
}
