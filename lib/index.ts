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
  BeginMessage,
  CommitMessage,
  DeleteMessage,
  InsertMessage,
  KeepaliveMessage,
  LogicalMessage,
  OriginMessage,
  RelationMessage,
  TruncateMessage,
  TypeMessage,
  UpdateMessage,
  XLogDataMessage,
  Change,
  Column,
  PgoutputMessage,
  Relation,
  ReplicaIdentity,
  ReplicationMessage,
  Row,
  TableChange,
} from './pgoutput/messages';
export type { TypeParsers } from './pgoutput/values';
export type { OpenInfo } from './session/open-stream';
export type { CloseInfo, StatusUpdate } from './session/session-host';
export type { CreatedSlot, SlotStatus, SystemIdentity } from './session/slot-commands';
