import type { DeleteMessage, InsertMessage, LogicalMessage, TruncateMessage, UpdateMessage } from './change-messages';
import type { BeginMessage, CommitMessage, OriginMessage, RelationMessage, TypeMessage } from './transaction-messages';
import type { KeepaliveMessage, XLogDataMessage } from './walsender-messages';

/** What can happen to a table. */
export type TableChange = InsertMessage | UpdateMessage | DeleteMessage | TruncateMessage;

/** A row or table change, or a logical message inside a transaction: what a transaction consists of. */
export type Change = TableChange | LogicalMessage;

/** Everything that pgoutput sends. */
export type PgoutputMessage = BeginMessage | CommitMessage | OriginMessage | RelationMessage | TypeMessage | Change;

/** Everything that a stream of pgoutput emits; `kind` tells them apart. */
export type ReplicationMessage = PgoutputMessage | KeepaliveMessage;

/** Everything that a stream of any plugin emits. */
export type StreamMessage = ReplicationMessage | XLogDataMessage;
