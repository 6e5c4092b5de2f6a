import type { SchedulerLike } from 'rxjs';
import type { OpenInfo, StartRequest, StreamPlan } from '../commands/open-stream';
import type { WindowLimits } from '../ledger/window';
import type { OnDecodeError } from '../pgoutput/messages/described-table';
import type { TableCheck } from '../pgoutput/types/expected-tables';
import type { TypeParsers } from '../pgoutput/values/values';
import type { CloseInfo, StatusUpdate } from './observers';
import type { ConnectionSettings } from './resolve-connection';

/** Validated {@link ValueOptions}. */
export interface ValueSettings {
  readonly types: TypeParsers;
  readonly lookUpTypes: boolean;
  readonly composites: boolean;
  readonly check: TableCheck | undefined;
  readonly onDecodeError: OnDecodeError;
}

/** The settings of a replication session. */
export interface SessionSettings {
  readonly window: WindowLimits;
  /** false: the client confirms nothing, and the window is unlimited. */
  readonly confirm: boolean;
  /**
   * Minimum time between deliveries of progress without changes, in ms, except when the server requests a reply; undefined
   * if the slot, not the consumer, keeps the position.
   */
  readonly progressInterval?: number | undefined;
  /** In ms; 0: never. */
  readonly livenessTimeout: number;
  /** In ms; 0: never. */
  readonly ackTimeout: number;
}

/** Validated {@link CopyOptions}. */
export interface CopySettings {
  readonly concurrency: number;
}

/** A validated configuration with defaults applied. */
export interface Settings {
  readonly connection: ConnectionSettings;
  readonly plan: StreamPlan;
  readonly start: StartRequest;
  /** undefined: no initial copy. */
  readonly copy: CopySettings | undefined;
  readonly session: SessionSettings;
  /** Applies the rules of the option `errors`. */
  readonly classify: (error: Error) => Error;
  readonly values: ValueSettings;
  /** In bytes, counted as in the message header. */
  readonly maxMessageSize: number;
  readonly scheduler: SchedulerLike;
  readonly statusInterval: number;
  readonly observers: {
    readonly open: (info: OpenInfo) => void;
    readonly status: (status: StatusUpdate) => void;
    readonly close: (info: CloseInfo) => void;
  };
}
