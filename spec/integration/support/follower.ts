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

/** What a follower is told besides its configuration. */
export interface FollowerOptions {
  /** Whether it keeps the position itself. */
  readonly stores?: boolean;
  /** What it has stored before. */
  readonly from?: Checkpoint;
}

/** A consumer of table `numbers` that goes on for as long as it can, where it stands, and what it hears. */
export class Follower {
  readonly recorder: Recorder<number>;
  /** Of all errors that it went on after. */
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

  /** Resolves with the first error of that code that it has gone on after. */
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
