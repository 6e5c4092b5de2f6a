import { identity, lastValueFrom, of, tap, toArray, type MonoTypeOperatorFunction, type Observable } from 'rxjs';
import {
  ackAfter,
  logicalReplication,
  stopAtLsn,
  transactions,
  type Change,
  type ConnectionOptions,
  type Lsn,
  type PgoutputConfig,
  type Relation,
  type ReplicationMessage,
  type StreamingMessage,
  type Transaction,
  type TransactionsOptions,
} from '../../../lib/index';
import { uniqueName } from '../../support/server';
import { waitUntil, Gate, Recorder, type TestBed } from './bed';

export { watchSpools } from '../../support/open-spools';

/** The values of a stream without two-phase commit. */
export type StreamedMessage = ReplicationMessage | StreamingMessage;

/** Settings with which the server streams transactions of more than 64 kB. */
const EARLY = '-c logical_decoding_work_mem=64kB';
/** Settings with which it streams each change, from PostgreSQL 16 on. */
const AT_ONCE = `${EARLY} -c debug_logical_replication_streaming=immediate`;

/** How a large transaction is read. */
export interface Way {
  readonly name: string;
  readonly streaming: 'off' | 'on' | 'parallel';
  /** Settings of the server process. */
  readonly options: string;
}

export const WHOLE: Way = { name: 'whole', streaming: 'off', options: EARLY };
export const STREAMED: Way = { name: 'on', streaming: 'on', options: EARLY };

/** All ways that a server supports, except the transaction as a whole. */
export function streamingWays(version: number): Way[] {
  if (version < 16) return [STREAMED];
  return [
    STREAMED,
    { name: 'parallel', streaming: 'parallel', options: EARLY },
    { name: 'on, each change by itself', streaming: 'on', options: AT_ONCE },
  ];
}

export function connectionOf(bed: TestBed, { options }: Way): ConnectionOptions {
  return { connectionString: bed.database.url, options };
}

export function streamOf(
  bed: TestBed,
  slot: string,
  way: Way,
  more: Partial<PgoutputConfig> = {},
): Observable<StreamedMessage> {
  const config = {
    ...bed.config(slot),
    connection: connectionOf(bed, way),

    ...more,
  };
  const { streaming } = way;
  return streaming === 'off' ? logicalReplication(config) : logicalReplication({ ...config, streaming });
}

/** A copy of a slot. */
export async function copySlot(bed: TestBed, slot: string): Promise<string> {
  const copy = uniqueName('slot');
  await bed.sql('SELECT pg_copy_logical_replication_slot($1, $2)', [slot, copy]);
  return copy;
}

/** The properties of a transaction that do not depend on how it was sent, nor on the slot. */
export function contentOf(tx: Transaction) {
  const { slot, ...checkpoint } = tx.checkpoint;
  const changes = [...tx];
  return { ...tx, changes, tables: changes.map(formatTables), checkpoint };
}

/** The tables at the time of a change, as text. */
function formatTables(change: Change): string {
  if (change.kind === 'message') return '';
  return (change.kind === 'truncate' ? change.relations : [change.relation]).map(formatContent).join();
}

const texts = new WeakMap<Relation, string>();

function formatContent(relation: Relation): string {
  const text = texts.get(relation) ?? JSON.stringify(relation);
  texts.set(relation, text);
  return text;
}

/** The data read from a slot. */
export interface Reading {
  readonly transactions: ReturnType<typeof contentOf>[];
  /** The number of messages by kind. */
  readonly counts: Record<string, number>;
}

interface ReadOptions {
  readonly config?: Partial<PgoutputConfig>;
  readonly transactions?: TransactionsOptions & { readonly includeNonTransactionalMessages?: false };
}

/** Reads a slot up to a position as transactions, and confirms it. */
export async function read(
  bed: TestBed,
  slot: string,
  way: Way,
  end: Lsn,
  options: ReadOptions = {},
): Promise<Reading> {
  const counts: Record<string, number> = {};
  const source = streamOf(bed, slot, way, options.config).pipe(
    tap(({ kind }) => (counts[kind] = (counts[kind] ?? 0) + 1)),
    stopAtLsn(end),
    transactions(options.transactions),
    ackAfter((tx) => of(contentOf(tx))),
    toArray(),
  );
  return { transactions: await lastValueFrom(source), counts };
}

interface LiveOptions extends ReadOptions {
  /** Applied to the flat stream. */
  readonly above?: MonoTypeOperatorFunction<StreamedMessage>;
  /** Applied after `ackAfter`. */
  readonly below?: MonoTypeOperatorFunction<ReturnType<typeof contentOf>>;
}

/** Concurrent streams of a slot, including open transactions. */
export class Live implements Reading {
  static readonly #open = new Set<Live>();
  readonly counts: Record<string, number> = {};
  /** The aborted ones: transaction and subtransaction. */
  readonly aborted: string[] = [];
  readonly transactions: ReturnType<typeof contentOf>[];
  readonly #recorder: Recorder<ReturnType<typeof contentOf>>;

  constructor(
    readonly slot: string,
    source: Observable<StreamedMessage>,
    { transactions: options = {}, below = identity }: LiveOptions,
  ) {
    this.#recorder = new Recorder(
      source.pipe(
        tap((message) => {
          const { kind } = message;
          this.counts[kind] = (this.counts[kind] ?? 0) + 1;
          if (kind === 'streamAbort') this.aborted.push(`${message.xid}/${message.subxid}`);
        }),
        transactions(options),
        ackAfter((tx) => of(contentOf(tx))),
        below,
      ),
    );
    this.transactions = this.#recorder.values;
    Live.#open.add(this);
  }

  /** Unsubscribes all remaining streams. */
  static end(): void {
    for (const live of Live.#open) live.unsubscribe();
  }

  static async of(bed: TestBed, way: Way, options: LiveOptions = {}): Promise<Live> {
    const slot = await bed.slot();
    const started = new Gate();
    const config = { ...options.config, openObserver: { next: started.open } };
    const { above = identity } = options;
    const live = new Live(slot, streamOf(bed, slot, way, config).pipe(above), options);
    // Or it rejects with the error.
    await Promise.race([started.opened, live.completed()]);
    return live;
  }

  /** One for each way that the server supports. */
  static async inAllWays(bed: TestBed, options: LiveOptions = {}): Promise<Live[]> {
    const lives: Live[] = [];
    for (const way of streamingWays(bed.server.version)) lives.push(await Live.of(bed, way, options));
    return lives;
  }

  /** Resolves when the transaction with this xid is received. */
  async came(xid: number): Promise<void> {
    await this.#recorder.find((tx) => tx.xid === xid);
  }

  /** Resolves when this number of messages of a kind is received. */
  async counted(kind: StreamedMessage['kind'], count: number): Promise<void> {
    await waitUntil(
      () => Promise.resolve(this.counts[kind] ?? 0),
      (so) => so >= count,
    );
  }

  completed(): Promise<void> {
    return this.#recorder.completed();
  }

  unsubscribe(): void {
    this.#recorder.unsubscribe();
    Live.#open.delete(this);
  }
}

/** Commits a small transaction, and waits until all streams have received it, and so everything before it. */
export async function tick(bed: TestBed, lives: readonly Live[]): Promise<void> {
  const [row] = await bed.sql<{ xid: string }>('INSERT INTO ticks VALUES (1) RETURNING xmin::text AS xid');
  await Promise.all(lives.map((live) => live.came(Number(row?.xid))));
}

/** The tables of most specs of streamed transactions. */
export const TABLES = `CREATE TABLE rows (id int PRIMARY KEY, v text); CREATE TABLE ticks (id int);
  CREATE PUBLICATION pub FOR ALL TABLES;`;

/** More rows than it takes to be streamed. */
export const MANY = 400;

/** SQL that inserts rows with these ids. */
export function insert(from: number, to = from + MANY - 1): string {
  return `INSERT INTO rows SELECT g, md5(g::text) FROM generate_series(${from}, ${to}) g`;
}
