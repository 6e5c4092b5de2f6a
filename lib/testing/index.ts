export { FakeWalSender, type FakeWalSenderOptions } from './fake-walsender';
export { FakeCluster, type Behaviour, type FakeSlot, type TimelineSwitch } from './cluster';
export { BackendProcess } from './backend-process';
export { Account, type FakeStatus } from './account';
export type { Fault, Violation } from './violations';
export type { AuthenticationMethod } from './authentication';
export type { ServerMessage, Step, Steps } from './steps';
export { faults, type FaultKind, type FaultOptions, type FaultProgram } from './faults';

export { emitted, FakeTable, table, type ColumnTypes, type RowDraft, type TableOptions } from './table';
export {
  transaction,
  type ChangeDraft,
  type TransactionDraft,
  type TransactionOptions,
  type WalTransaction,
} from './transaction';
export { UNCHANGED } from './payloads';
export { isAcknowledged, messagesOf, transactionOf, type DeliveryOptions } from './deliveries';

export * as payloads from './payloads';
export * as frames from './backend-messages';
