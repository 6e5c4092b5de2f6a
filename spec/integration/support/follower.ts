import { firstValueFrom, of, Subject, type Observable } from 'rxjs';
import {
  ackAfter,
  logicalReplication,
  reconnect,
  ReplicationError,
  transactions,
  type Checkpoint,
  type OpenInfo,
  type PgoutputConfig,
} from '../../../lib/index';
import { Recorder } from './bed';

/** Options of a follower besides its configuration. */
export interface FollowerOptions {
  /** Whether the consumer owns the position. */
  readonly stores?: boolean;
  /** The stored position at the start. */
  readonly from?: Checkpoint;
}

/** A consumer of table `numbers` that retries as long as possible, with its position and the errors. */
export class Follower {
  readonly recorder: Recorder<number>;
  /** The codes of all errors that were retried. */
  readonly errors: unknown[] = [];
  readonly opened: OpenInfo[] = [];
  checkpoint: Checkpoint | undefined;
  readonly #failed = new Subject<void>();

  constructor(
    readonly config: PgoutputConfig,
    { stores = false, from }: FollowerOptions = {},
  ) {
    this.checkpoint = from;
    this.recorder = new Recorder(this.#numbers(stores ? { startLsn: () => of(this.checkpoint) } : {}));
  }

  get slot(): string {
    return this.config.slot;
  }

  get codes(): string[] {
    return this.errors.map((error) => (error instanceof ReplicationError ? error.code : String(error)));
  }

  get timelines(): number[] {
    return this.opened.map(({ timeline }) => timeline);
  }

  /** Resolves with the first retried error of this code. */
  async failed(code: string): Promise<ReplicationError> {
    for (;;) {
      const isSought = (error: unknown): error is ReplicationError =>
        error instanceof ReplicationError && error.code === code;
      const error = this.errors.find(isSought);
      if (error) return error;
      await firstValueFrom(this.#failed);
    }
  }

  #numbers(more: Partial<PgoutputConfig>): Observable<number> {
    const openObserver = { next: (info: OpenInfo) => void this.opened.push(info) };
    return logicalReplication({ openObserver, ...this.config, ...more }).pipe(
      transactions(),
      ackAfter((tx) => {
        this.checkpoint = tx.checkpoint;
        return tx.changes.map((change) => (change.kind === 'insert' ? Number(change.new['id']) : NaN));
      }),
      reconnect({
        initialDelay: 20,
        maxDelay: 100,
        attemptObserver: {
          next: ({ error }) => {
            this.errors.push(error);
            this.#failed.next();
          },
        },
      }),
    );
  }
}
