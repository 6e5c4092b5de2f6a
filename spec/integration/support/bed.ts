import { setTimeout as delay } from 'node:timers/promises';
import type { Client, QueryResultRow } from 'pg';
import { firstValueFrom, tap, toArray, type Observable, type Subscription } from 'rxjs';
import {
  logicalReplication,
  parseLsn,
  stopAtLsn,
  type Acknowledgeable,
  type Lsn,
  type PgoutputConfig,
  type ReplicationMessage,
} from '../../../lib/index';
import type { Encoding } from '../../support/connection';
import { LoopClock } from '../../support/loop-clock';
import { runServer, uniqueName, type PostgresServer, type TestDatabase } from '../../support/server';

/**
 * Polls the server until a condition holds, because there is no event to wait for.
 *
 * @param within in ms of a {@link LoopClock}, which are longer on a busy machine
 */
export async function waitUntil<T>(look: () => Promise<T>, isSo: (value: T) => boolean, within = 10_000): Promise<T> {
  const clock = new LoopClock();
  try {
    for (;;) {
      const value = await look();
      if (isSo(value)) return value;
      if (clock.elapsed > within)
        throw new Error(`Not so within ${within} ms: ${isSo.toString()}, but ${String(value)}`);
      await delay(5);
    }
  } finally {
    clock.stop();
  }
}

/** A database with a connection to it, and helpers for specs of streams. */
export class TestBed {
  private constructor(
    readonly server: PostgresServer,
    readonly database: TestDatabase,
    readonly client: Client,
  ) {}

  /** @param setup SQL that is executed first */
  static async make(prefix: string, setup: string, on?: PostgresServer, encoding?: Encoding): Promise<TestBed> {
    const server = on ?? (await runServer());
    const database = await server.createDatabase(prefix, encoding);
    const client = await database.client();
    await client.query(setup);
    return new TestBed(server, database, client);
  }

  /** Drops the database with all its slots. */
  drop(): Promise<void> {
    return this.database.drop();
  }

  async sql<Row extends QueryResultRow = QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    // With values it is a prepared statement, which must be a single statement.
    const result = await (values.length > 0 ? this.client.query<Row>(text, values) : this.client.query<Row>(text));
    const last = Array.isArray(result) ? (result as (typeof result)[]).at(-1) : result;
    return last?.rows ?? [];
  }

  /** A transaction of several statements. */
  async transaction(...statements: string[]): Promise<void> {
    for (const statement of ['BEGIN', ...statements, 'COMMIT']) await this.client.query(statement);
  }

  /** Creates a slot, which delivers everything that is committed from now on. */
  async slot(plugin = 'pgoutput'): Promise<string> {
    const slot = uniqueName('slot');
    await this.sql('SELECT pg_create_logical_replication_slot($1, $2)', [slot, plugin]);
    return slot;
  }

  config(slot: string, more: Partial<PgoutputConfig> = {}): PgoutputConfig {
    return { connection: this.database.url, slot, publications: ['pub'], ...more };
  }

  stream(slot: string, more: Partial<PgoutputConfig> = {}): Observable<ReplicationMessage> {
    return logicalReplication(this.config(slot, more));
  }

  /** A position after everything that has been committed. */
  async position(): Promise<Lsn> {
    const [row] = await this.sql<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn');
    return parseLsn(row?.lsn ?? '');
  }

  async confirmed(slot: string): Promise<Lsn> {
    const [row] = await this.sql<{ lsn: string }>(
      'SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = $1',
      [slot],
    );
    return parseLsn(row?.lsn ?? '');
  }

  confirmedAtLeast(slot: string, lsn: Lsn): Promise<Lsn> {
    return waitUntil(
      () => this.confirmed(slot),
      (confirmed) => confirmed >= lsn,
    );
  }

  /** Resolves when the slot is inactive. */
  async released(slot: string): Promise<void> {
    await waitUntil(
      () => this.sql('SELECT FROM pg_replication_slots WHERE slot_name = $1 AND active', [slot]),
      (rows) => rows.length === 0,
    );
  }

  /** Runs a function, and returns everything that a stream of its own receives for it. */
  async messagesOf(work: () => Promise<unknown>, more: Partial<PgoutputConfig> = {}): Promise<ReplicationMessage[]> {
    const slot = await this.slot();
    await work();
    return this.readTo(slot, await this.position(), more);
  }

  /** Reads a slot up to a position, and confirms it. */
  readTo(slot: string, end: Lsn, more: Partial<PgoutputConfig> = {}): Promise<ReplicationMessage[]> {
    return firstValueFrom(
      this.stream(slot, more).pipe(
        stopAtLsn(end),
        tap((message) => message.ack()),
        toArray(),
      ),
    );
  }
}

/** Subscribes, keeps the values, and provides promises of them. */
export class Recorder<T> {
  readonly values: T[] = [];
  readonly #subscription: Subscription;
  readonly #waiting = new Set<() => void>();
  #outcome: 'complete' | Error | undefined;

  constructor(source: Observable<T>) {
    this.#subscription = source.subscribe({
      next: (value) => {
        this.values.push(value);
        this.#look();
      },
      error: (error: unknown) => {
        this.#outcome = error instanceof Error ? error : new Error(String(error));
        this.#look();
      },
      complete: () => {
        this.#outcome = 'complete';
        this.#look();
      },
    });
  }

  /** Resolves with the first value, including past ones, that matches. */
  async find(isSought: (value: T) => boolean): Promise<T> {
    let next = 0;
    let found: T | undefined;
    await this.#until(() => {
      for (; next < this.values.length; next++) {
        const value = this.values[next] as T;
        if (isSought(value)) {
          found = value;
          return true;
        }
      }
      return false;
    });
    return found as T;
  }

  /** Resolves with the first values when there are this many. */
  async take(count: number): Promise<T[]> {
    await this.#until(() => this.values.length >= count);
    return this.values.slice(0, count);
  }

  /** Resolves when the source completes. */
  completed(): Promise<void> {
    return this.#until(() => this.#outcome === 'complete');
  }

  unsubscribe(): void {
    this.#subscription.unsubscribe();
  }

  #until(isSo: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const so = isSo();
        if (!so && this.#outcome === undefined) return;
        this.#waiting.delete(look);
        if (so) resolve();
        else if (this.#outcome instanceof Error) reject(this.#outcome);
        else reject(new Error(`The stream has completed after ${this.values.length} values`));
      };
      this.#waiting.add(look);
      look();
    });
  }

  #look(): void {
    for (const look of this.#waiting) look();
  }
}

/** A promise with the function that resolves it. */
export class Gate {
  readonly opened: Promise<void>;
  open: () => void = () => undefined;

  constructor() {
    this.opened = new Promise((resolve) => {
      this.open = resolve;
    });
  }
}

/** Narrows to the messages of one kind. */
export function ofKind<K extends ReplicationMessage['kind']>(
  messages: readonly ReplicationMessage[],
  kind: K,
): Extract<ReplicationMessage, { kind: K }>[] {
  return messages.filter((message): message is Extract<ReplicationMessage, { kind: K }> => message.kind === kind);
}

/** The kinds of messages without keepalives, which the server sends at any time. */
export function listKinds(messages: readonly ReplicationMessage[]): string[] {
  return messages.map((message) => message.kind).filter((kind) => kind !== 'keepalive');
}

export function acknowledge<T extends Acknowledgeable>(delivery: T): T {
  delivery.ack();
  return delivery;
}
