export { logicalReplication } from './logical-replication';

export { ackAfter, type WorkResult } from './operators/ack-after/ack-after';
export type { AckTarget } from './operators/ack-after/ack-target';
export { ofTable } from './operators/of-table';
export type { FailedTransaction } from './ledger/failure';
export { failedTransactions } from './operators/ack-after/failed-transactions';
export { reconnect } from './operators/reconnect/reconnect';
export type { ReconnectAttempt, ReconnectOptions } from './operators/reconnect/reconnect-options';
export { stopAtLsn } from './operators/stop-at-lsn';
export { stopOn } from './operators/stop-on';
export type { StopNotifier } from './operators/stop-request';
export type { CopyBatch, PreparedTransaction, Transaction } from './operators/transactions/transaction';
export type { TransactionsOptions } from './operators/transactions/transactions-options';
export { transactions, type TransactionOf } from './operators/transactions/transactions';

export { alterPublication, type AlterPublicationConfig } from './admin/publications/alter-publication';
export { alterSlot, type AlterSlotConfig } from './admin/slots/alter-slot';
export { createPublication, type CreatePublicationConfig } from './admin/publications/create-publication';
export { createSlot, type CreateSlotConfig } from './admin/slots/create-slot';
export { dropPublication, type DropPublicationConfig } from './admin/publications/drop-publication';
export { dropSlot, type DropSlotConfig } from './admin/slots/drop-slot';
export { identifySystem } from './admin/slots/identify-system';
export type { TableName, PublicationTable } from './admin/publications/publication-options';
export { preflight } from './admin/preflight';
export type { PreflightFinding, PreflightCode } from './common/preflight-findings';
export { publicationStatus, type PublicationStatusConfig } from './admin/publications/publication-status';
export { publications } from './admin/publications/publications';
export { slotStatus, type SlotStatusConfig } from './admin/slots/slot-status';

export type { Acknowledgeable } from './ledger/acknowledgement';
export type { Checkpoint, StoredPosition, StreamSource } from './ledger/checkpoint';
export type {
  AnyPgoutputConfig,
  CopyConfig,
  CopyOptions,
  DeliveringConfig,
  PgoutputConfig,
  PluginConfig,
  SlotOptions,
  StreamConfig,
  StreamingConfig,
  StreamingTwoPhaseConfig,
  TwoPhaseConfig,
} from './config/stream-config';
export type { PgoutputOptions } from './config/stream-config';
export type { ValueOptions } from './config/stream-config';
export type { ErrorRule } from './config/error-rules';
export type { ConnectionOptions, ServerConfig } from './config/connection-options';
export type { CredentialProvider } from './config/credentials';
export type { ErrorCode } from './common/error-codes';
export {
  ConfigError,
  ConnectionError,
  ProtocolError,
  ReplicationError,
  ServerError,
  type ReplicationErrorOptions,
  type ServerFields,
} from './common/errors';
export { formatLsn, parseLsn, type Lsn } from './common/lsn';
export { JsonNumber } from './pgoutput/values/exact-json';
export { exactTypes } from './pgoutput/values/exact-types';
export type { ExpectedTables } from './pgoutput/types/expected-tables';
export type {
  CopiedTable,
  CopyBeginMessage,
  CopyEndMessage,
  CopyMessage,
  CopyProgressMessage,
} from './pgoutput/messages/copy-messages';
export type {
  CommittedPosition,
  DeleteMessage,
  InsertMessage,
  LogicalMessage,
  ChangePosition,
  StreamedPosition,
  TruncateMessage,
  UpdateMessage,
} from './pgoutput/messages/change-messages';
export type {
  AnyPgoutputMessage,
  AnyReplicationMessage,
  Change,
  PgoutputMessage,
  ReplicationMessage,
  StreamingMessage,
  StreamMessage,
  TableChange,
  TwoPhaseMessage,
} from './pgoutput/messages/messages';
export type {
  StreamAbortMessage,
  StreamCommitMessage,
  StreamStartMessage,
  StreamStopMessage,
} from './pgoutput/messages/stream-messages';
export type {
  BeginPrepareMessage,
  CommitPreparedMessage,
  PrepareMessage,
  RollbackPreparedMessage,
  StreamPrepareMessage,
} from './pgoutput/messages/two-phase-messages';
export type { Column, Relation, ReplicaIdentity, Row } from './pgoutput/messages/table';
export type { AnyTables, RowOf, UpdatedRow, WithUndecoded } from './pgoutput/messages/typed-tables';
export type {
  BeginMessage,
  CommitMessage,
  OriginMessage,
  RelationMessage,
  TypeMessage,
} from './pgoutput/messages/transaction-messages';
export type { KeepaliveMessage, XLogDataMessage } from './pgoutput/messages/walsender-messages';
export { UndecodedValue } from './pgoutput/values/undecoded-value';
export { ValueError, type ValueFormat, type ValueLocation } from './pgoutput/values/value-error';
export type { TextParser, TypeParsers } from './pgoutput/values/values';
export type { OpenInfo } from './commands/open-stream';
export type { CloseInfo, StatusUpdate } from './config/observers';
export type { PublicationOperation, PublicationStatus, PublishedTable } from './commands/publication-status';
export type { CreatedSlot, SlotStatus, SystemIdentity } from './commands/slot-commands';
