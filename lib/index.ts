export { logicalReplication } from './logical-replication';

export { ackAfter, type WorkResult } from './operators/ack-after';
export type { Acknowledged } from './operators/hand';
export { ofTable } from './operators/of-table';
export type { FailedTransaction } from './failure';
export { failedTransactions } from './operators/failed-transactions';
export { reconnect, type ReconnectAttempt, type ReconnectOptions } from './operators/reconnect';
export { stopAtLsn } from './operators/stop-at-lsn';
export { stopOn } from './operators/stop-on';
export type { StopNotifier } from './operators/stop-request';
export type { PreparedTransaction, Transaction } from './operators/transaction';
export type { TransactionsOptions } from './operators/assembly';
export { transactions, type TransactionOf } from './operators/transactions';

export { alterPublication, type AlterPublicationConfig } from './slots/alter-publication';
export { alterSlot, type AlterSlotConfig } from './slots/alter-slot';
export { createPublication, type CreatePublicationConfig } from './slots/create-publication';
export { createSlot, type CreateSlotConfig } from './slots/create-slot';
export { dropPublication, type DropPublicationConfig } from './slots/drop-publication';
export { dropSlot, type DropSlotConfig } from './slots/drop-slot';
export { identifySystem } from './slots/identify-system';
export type { TableName, TablePart } from './slots/publication-options';
export { preflight } from './slots/preflight';
export type { Finding, FindingCode } from './findings';
export { publicationStatus, type PublicationStatusConfig } from './slots/publication-status';
export { publications } from './slots/publications';
export { slotStatus, type SlotStatusConfig } from './slots/slot-status';

export type { Acknowledgeable } from './acknowledgement';
export type { Checkpoint, StoredPosition, StreamSource } from './checkpoint';
export type {
  AnyPgoutputConfig,
  DeliveringConfig,
  PgoutputConfig,
  PluginConfig,
  SlotOptions,
  StreamConfig,
  StreamingConfig,
  StreamingTwoPhaseConfig,
  TwoPhaseConfig,
} from './config/config';
export type { PgoutputOptions } from './config/pgoutput';
export type { ValueOptions } from './config/values';
export type { ErrorRule } from './config/error-rules';
export type { ConnectionOptions, ServerConfig } from './config/connection';
export type { SecretSource } from './config/secrets';
export type { ErrorCode } from './error-codes';
export {
  ConfigError,
  ConnectionError,
  ProtocolError,
  ReplicationError,
  ServerError,
  type ReplicationErrorOptions,
  type ServerFields,
} from './errors';
export { formatLsn, parseLsn, type Lsn } from './lsn';
export { JsonNumber } from './pgoutput/exact-json';
export { exactTypes } from './pgoutput/exact-types';
export type { ExpectedTables } from './pgoutput/expected-tables';
export type {
  CommittedPlace,
  DeleteMessage,
  InsertMessage,
  LogicalMessage,
  Place,
  StreamedPlace,
  TruncateMessage,
  UpdateMessage,
} from './pgoutput/change-messages';
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
} from './pgoutput/messages';
export type {
  StreamAbortMessage,
  StreamCommitMessage,
  StreamStartMessage,
  StreamStopMessage,
} from './pgoutput/stream-messages';
export type {
  BeginPrepareMessage,
  CommitPreparedMessage,
  PrepareMessage,
  RollbackPreparedMessage,
  StreamPrepareMessage,
} from './pgoutput/two-phase-messages';
export type { Column, Relation, ReplicaIdentity, Row } from './pgoutput/table';
export type { AnyTables, RowOf, UpdatedRow, WithUndecoded } from './pgoutput/typed-tables';
export type {
  BeginMessage,
  CommitMessage,
  OriginMessage,
  RelationMessage,
  TypeMessage,
} from './pgoutput/transaction-messages';
export type { KeepaliveMessage, XLogDataMessage } from './pgoutput/walsender-messages';
export { UndecodedValue } from './pgoutput/undecoded-value';
export { ValueError, type ValueFormat, type ValuePlace } from './pgoutput/value-error';
export type { TextParser, TypeParsers } from './pgoutput/values';
export type { OpenInfo } from './session/open-stream';
export type { CloseInfo, StatusUpdate } from './session/session-host';
export type { PublicationOperation, PublicationStatus, PublishedTable } from './session/publication-status';
export type { CreatedSlot, SlotStatus, SystemIdentity } from './session/slot-commands';
