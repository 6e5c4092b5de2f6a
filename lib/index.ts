export { logicalReplication } from './logical-replication';

export { ackAfter, type WorkResult } from './operators/ack-after';
export type { Acknowledged } from './operators/hand';
export { ofTable } from './operators/of-table';
export { reconnect, type ReconnectAttempt, type ReconnectOptions } from './operators/reconnect';
export { stopAtLsn } from './operators/stop-at-lsn';
export { stopOn } from './operators/stop-on';
export type { Transaction } from './operators/transaction';
export { transactions, type TransactionsOptions } from './operators/transactions';

export { createSlot, type CreateSlotConfig } from './slots/create-slot';
export { dropSlot, type DropSlotConfig } from './slots/drop-slot';
export { identifySystem } from './slots/identify-system';
export { slotStatus, type SlotStatusConfig } from './slots/slot-status';

export type { Acknowledgeable } from './acknowledgement';
export type { Checkpoint, StoredPosition } from './checkpoint';
export type { PgoutputConfig, PluginConfig, SlotOptions } from './config/config';
export type { ErrorRule } from './config/error-rules';
export type { ConnectionOptions, ServerConfig } from './config/connection';
export {
  ConfigError,
  ConnectionError,
  ProtocolError,
  ReplicationError,
  ServerError,
  type ErrorCode,
  type ServerFields,
} from './errors';
export { formatLsn, parseLsn, type Lsn } from './lsn';
export type {
  DeleteMessage,
  InsertMessage,
  LogicalMessage,
  TruncateMessage,
  UpdateMessage,
} from './pgoutput/change-messages';
export type { Change, PgoutputMessage, ReplicationMessage, TableChange } from './pgoutput/messages';
export type { Column, Relation, ReplicaIdentity, Row } from './pgoutput/table';
export type {
  BeginMessage,
  CommitMessage,
  OriginMessage,
  RelationMessage,
  TypeMessage,
} from './pgoutput/transaction-messages';
export type { KeepaliveMessage, XLogDataMessage } from './pgoutput/walsender-messages';
export type { TypeParsers } from './pgoutput/values';
export type { OpenInfo } from './session/open-stream';
export type { CloseInfo, StatusUpdate } from './session/session-host';
export type { CreatedSlot, SlotStatus, SystemIdentity } from './session/slot-commands';
