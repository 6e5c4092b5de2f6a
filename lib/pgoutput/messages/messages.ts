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

/** What can happen to the rows of a table, table by table, so that the name tells which row it is. */
type RowChange<Tables extends object, Name extends keyof Tables & string, P extends ChangePosition> = {
  [Each in Name]: InsertMessage<Tables, Each, P> | UpdateMessage<Tables, Each, P> | DeleteMessage<Tables, Each, P>;
}[Name];

/** What can happen to a table: to any one, or to those that are named. */
export type TableChange<
  Tables extends object = AnyTables,
  Name extends keyof Tables & string = keyof Tables & string,
  P extends ChangePosition = CommittedPosition,
> = RowChange<Tables, Name, P> | TruncateMessage<keyof Tables & string, P>;

/** A row or table change, or a logical message inside a transaction: what a transaction consists of. */
export type Change<Tables extends object = AnyTables, P extends ChangePosition = CommittedPosition> =
  TableChange<Tables, keyof Tables & string, P> | LogicalMessage<P>;

/** A change of any transaction, open or committed. */
export type AnyChange<Tables extends object = AnyTables> = Change<Tables, ChangePosition>;

/** Whether the change is of a transaction that has come in one piece, or is made as if it had. */
export function hasPosition(change: AnyChange): change is Change {
  return change.commitLsn !== undefined;
}

/** What tells of more than one change. */
type FrameMessage = BeginMessage | CommitMessage | OriginMessage | RelationMessage | TypeMessage;

/** What frames the blocks of transactions that are still open. */
type BlockMessage = StreamStartMessage | StreamStopMessage | StreamCommitMessage | StreamAbortMessage;

/** What pgoutput sends of transactions that are committed. */
export type PgoutputMessage<Tables extends object = AnyTables> = FrameMessage | Change<Tables>;

/** What comes besides with `streaming`: changes of transactions that are still open, in blocks. */
export type StreamingMessage<Tables extends object = AnyTables> = BlockMessage | Change<Tables, StreamedPosition>;

/** What comes besides with `twoPhase`. Stream Prepare comes only with `streaming`, too. */
export type TwoPhaseMessage =
  BeginPrepareMessage | PrepareMessage | StreamPrepareMessage | CommitPreparedMessage | RollbackPreparedMessage;

/** Everything that a stream of pgoutput emits; `kind` tells them apart. */
export type ReplicationMessage<Tables extends object = AnyTables> = PgoutputMessage<Tables> | KeepaliveMessage;

/** Everything that pgoutput can send. A slot made for two-phase commit sends its messages unasked. */
export type AnyPgoutputMessage<Tables extends object = AnyTables> =
  FrameMessage | BlockMessage | TwoPhaseMessage | AnyChange<Tables>;

/** Everything that a stream of pgoutput can emit, whatever was asked for. */
export type AnyReplicationMessage<Tables extends object = AnyTables> = AnyPgoutputMessage<Tables> | KeepaliveMessage;

/** Everything that a stream of any plugin emits. */
export type StreamMessage = AnyReplicationMessage | XLogDataMessage;

/** The tables as they were declared to the stream that messages came from; any where the messages do not tell. */
export type TablesOf<M> = [Subject<M>] extends [never] ? AnyTables : Subject<M>[0];

/** What a change is about: the declared tables, and which of them. */
type Subject<M> =
  M extends InsertMessage<infer Tables, infer Name, ChangePosition>
    ? [Tables, Name]
    : M extends UpdateMessage<infer Tables, infer Name, ChangePosition>
      ? [Tables, Name]
      : M extends DeleteMessage<infer Tables, infer Name, ChangePosition>
        ? [Tables, Name]
        : never;
