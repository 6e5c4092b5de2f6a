export { FakeWalSender } from './fake-walsender';
export type { FakeWalSenderOptions } from './fake-walsender-options';
export type { WaitOptions } from './conditions';
export type { FakeBehaviour, FakeSlot, TimelineSwitch } from './server-state';
export type { FakeCluster } from './cluster';
export type { BackendProcess } from './backend-process';
export type { FakeTls } from './tcp-server-socket';
export type { FakeStatus } from './client-auditor';
export type { Violation } from './violations';
export type { AuthenticationMethod } from './server-authentication';
export type { StartupParameters } from './server-startup';
export type { ServerMessage, Step, Steps } from './steps';
export { faults, type FaultKind, type FaultOptions, type FaultProgram } from './faults';

export { logicalMessage, table, type ColumnTypes, type FakeTable, type RowDraft, type TableOptions } from './table';
export {
  rolledBack,
  transaction,
  type ChangeDraft,
  type RolledBackDraft,
  type TransactionDraft,
  type TransactionOptions,
  type WalTransaction,
} from './transaction';
export type { ClientOptions } from './client-options';
export { UNCHANGED } from './payloads';
export { isAcknowledged, toMessages, toTransaction, type DeliveryOptions } from './deliveries';
export type { StreamSource } from '../ledger/checkpoint';

export * as payloads from './payloads';
export * as frames from './backend-messages';
