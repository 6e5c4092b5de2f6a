import type {
  CommittedPosition,
  DeleteMessage,
  InsertMessage,
  LogicalMessage,
  ChangePosition,
  StreamedPosition,
  TruncateMessage,
  UpdateMessage,
} from './change-messages';
import type { CopyMessage } from './copy-messages';
import type { StreamAbortMessage, StreamCommitMessage, StreamStartMessage, StreamStopMessage } from './stream-messages';
import type { BeginMessage, CommitMessage, OriginMessage, RelationMessage, TypeMessage } from './transaction-messages';
import type {
  BeginPrepareMessage,
  CommitPreparedMessage,
  PrepareMessage,
  RollbackPreparedMessage,
  StreamPrepareMessage,
} from './two-phase-messages';
import type { AnyTables } from './typed-tables';
import type { KeepaliveMessage, XLogDataMessage } from './walsender-messages';

/** The row changes as a union by table, so that `table` narrows the row type. */
type RowChange<Tables extends object, Name extends keyof Tables & string, P extends ChangePosition> = {
  [Each in Name]: InsertMessage<Tables, Each, P> | UpdateMessage<Tables, Each, P> | DeleteMessage<Tables, Each, P>;
}[Name];

/** A row change or truncate, of any table or of the named tables. */
export type TableChange<
  Tables extends object = AnyTables,
  Name extends keyof Tables & string = keyof Tables & string,
  P extends ChangePosition = CommittedPosition,
> = RowChange<Tables, Name, P> | TruncateMessage<keyof Tables & string, P>;

/** A part of a transaction: a row change, a truncate or a logical message. */
export type Change<Tables extends object = AnyTables, P extends ChangePosition = CommittedPosition> =
  TableChange<Tables, keyof Tables & string, P> | LogicalMessage<P>;

/** A change of a committed or a streamed transaction. */
export type AnyChange<Tables extends object = AnyTables> = Change<Tables, ChangePosition>;

/** Whether the change has a commit LSN: its transaction was not streamed, or the change was decoded again after the commit. */
export function hasPosition(change: AnyChange): change is Change {
  return change.commitLsn !== undefined;
}

/** Messages that are not changes. */
type FrameMessage = BeginMessage | CommitMessage | OriginMessage | RelationMessage | TypeMessage;

/** Messages that delimit the blocks of streamed transactions. */
type BlockMessage = StreamStartMessage | StreamStopMessage | StreamCommitMessage | StreamAbortMessage;

/** The messages of pgoutput for committed transactions. */
export type PgoutputMessage<Tables extends object = AnyTables> = FrameMessage | Change<Tables>;

/** The additional messages with `streaming`: blocks of changes of transactions in progress. */
export type StreamingMessage<Tables extends object = AnyTables> = BlockMessage | Change<Tables, StreamedPosition>;

/** The additional messages with `twoPhase`. Stream Prepare requires `streaming` too. */
export type TwoPhaseMessage =
  BeginPrepareMessage | PrepareMessage | StreamPrepareMessage | CommitPreparedMessage | RollbackPreparedMessage;

/** Every message that a pgoutput stream emits by default. Discriminate by `kind`. */
export type ReplicationMessage<Tables extends object = AnyTables> = PgoutputMessage<Tables> | KeepaliveMessage;

/** Every message that pgoutput can send. A slot with `two_phase` sends two-phase messages even if `twoPhase` is not set. */
export type AnyPgoutputMessage<Tables extends object = AnyTables> =
  FrameMessage | BlockMessage | TwoPhaseMessage | AnyChange<Tables>;

/** Every message that a pgoutput stream can emit with any options, except those of an initial copy. */
export type AnyReplicationMessage<Tables extends object = AnyTables> = AnyPgoutputMessage<Tables> | KeepaliveMessage;

/** Every message that the server sends in a stream of any plugin. */
export type ServerMessage = AnyReplicationMessage | XLogDataMessage;

/** Every message that a stream of any plugin can emit. */
export type StreamMessage = ServerMessage | CopyMessage;

/** The declared tables of a message type. {@link AnyTables} if it has no row changes. */
export type TablesOf<M> = [Subject<M>] extends [never] ? AnyTables : Subject<M>[0];

/** The declared tables and the table name of a row change. */
type Subject<M> =
  M extends InsertMessage<infer Tables, infer Name, ChangePosition>
    ? [Tables, Name]
    : M extends UpdateMessage<infer Tables, infer Name, ChangePosition>
      ? [Tables, Name]
      : M extends DeleteMessage<infer Tables, infer Name, ChangePosition>
        ? [Tables, Name]
        : never;
