import { DatabaseError, type Client } from 'pg';
import type { Random } from '../../chaos/random';
import { quote } from './kinds';
import type { SchemaGenerator, Table } from './schema';
import { DDL_PREFIX, Statements, type SchemaChange } from './statements';

/** Errors caused by other sessions: they have locked a row, or have just moved it to another partition. */
const EXPECTED = new Set(['55P03', '40001']);

const MAX_TABLES = 8;
const MAX_PREPARED = 3;

/** An open transaction with its changes to tables. */
interface Open {
  /** By id: tables that it has changed; undefined if dropped. */
  readonly changed: Map<number, Table | undefined>;
  readonly touched: Set<number>;
  left: number;
}

interface Session {
  readonly client: Client;
  readonly number: number;
  open: Open | undefined;
}

/**
 * Several concurrent sessions that run one statement each in turn, so that a seed always creates the same workload. No session
 * uses a table that another one is altering.
 */
export class Workload {
  readonly #random: Random;
  readonly #inventor: SchemaGenerator;
  readonly #statements: Statements;
  readonly #sessions: readonly Session[];
  /** Committed tables, by id. */
  readonly #tables: Map<number, Table>;
  /** By gid. */
  readonly #prepared = new Map<string, Open>();
  #transactions = 0;
  #failures = 0;

  constructor(random: Random, inventor: SchemaGenerator, tables: readonly Table[], clients: readonly Client[]) {
    this.#random = random;
    this.#inventor = inventor;
    this.#statements = new Statements(random, inventor);
    this.#tables = new Map(tables.map((table) => [table.id, table]));
    this.#sessions = clients.map((client, number) => ({ client, number, open: undefined }));
  }

  /** The number of transactions that have ended. */
  get transactions(): number {
    return this.#transactions;
  }

  /** The number of those that failed because of another session. */
  get failures(): number {
    return this.#failures;
  }

  /** The existing tables. */
  get tables(): readonly Table[] {
    return [...this.#tables.values()];
  }

  /** Runs one step of one session. */
  async step(): Promise<void> {
    const random = this.#random;
    const session = this.#sessions[random.between(0, this.#sessions.length - 1)]!;
    try {
      const { open } = session;
      if (!open) await this.#begin(session);
      else if (open.left-- > 0) await this.#work(session, open);
      else await this.#end(session, open);
    } catch (error) {
      if (!(error instanceof DatabaseError) || !EXPECTED.has(error.code ?? '')) throw error;
      this.#failures++;
      await this.#rollback(session);
    }
  }

  /** Ends all open transactions. */
  async settle(): Promise<void> {
    for (const session of this.#sessions) {
      if (session.open)
        await (this.#random.chance(0.5) ? this.#rollback(session) : this.#commit(session, session.open));
    }
  }

  /** Ends all prepared transactions. */
  async settlePrepared(): Promise<void> {
    for (const gid of [...this.#prepared.keys()]) await this.#endPrepared(this.#sessions[0]!, gid);
  }

  async #begin(session: Session): Promise<void> {
    const gid = [...this.#prepared.keys()][0];
    if (gid !== undefined && this.#random.chance(0.3)) {
      await this.#endPrepared(session, gid);
      return;
    }
    await session.client.query('BEGIN');
    const left = this.#random.pick([1, 2, 4, 8, 20]);
    session.open = { changed: new Map(), touched: new Set(), left };
  }

  async #work(session: Session, open: Open): Promise<void> {
    const random = this.#random;
    if (random.chance(0.05)) await this.#alter(session, open);
    else if (random.chance(0.15)) await this.#savepoint(session, open);
    else await session.client.query(this.#statement(session, open));
  }

  /** Runs a statement that usually locks no whole table. */
  #statement(session: Session, open: Open): string {
    const random = this.#random;
    const table = this.#choose(open, false);
    if (!table || random.chance(0.05)) return this.#statements.message();
    const what = random.next();
    if (what < 0.02) {
      const tables = [...new Set([this.#choose(open, true), this.#choose(open, true)])].filter(
        (each) => each !== undefined,
      );
      for (const table of tables) open.changed.set(table.id, table);
      if (tables.length > 0) return this.#statements.truncate(tables);
    }
    open.touched.add(table.id);
    if (table.shape === 'log' || what < 0.5) return this.#statements.insert(table);
    const only = random.chance(0.9) ? `id % ${this.#sessions.length} = ${session.number}` : 'true';
    return what < 0.85 ? this.#statements.update(table, only) : this.#statements.delete(table, only);
  }

  /**
   * Announces DDL to the copy by a logical message, because a stream does not contain DDL. It precedes the DDL, and so all
   * changes after it.
   */
  async #alter(session: Session, open: Open): Promise<void> {
    const change = this.#change(open);
    const message = `SELECT pg_logical_emit_message(true, '${DDL_PREFIX}', ${quote(change.sql)})`;
    await session.client.query(`${message}; ${change.sql}`);
  }

  #change(open: Open): SchemaChange {
    const random = this.#random;
    const table = this.#choose(open, true);
    if (!table || (this.#tables.size < MAX_TABLES && random.chance(0.1))) {
      const change = this.#statements.create(this.#inventor.table());
      if (change.table) open.changed.set(change.table.id, change.table);
      return change;
    }
    open.touched.add(table.id);
    const isDropped = this.#tables.size > 3 && random.chance(0.1);
    const change = isDropped ? this.#statements.drop(table) : this.#statements.change(table);
    open.changed.set(table.id, change.table);
    return change;
  }

  /**
   * Runs a savepoint that is released or rolled back. It contains DDL only if it is released, because the message is sent in
   * either case.
   */
  async #savepoint(session: Session, open: Open): Promise<void> {
    const random = this.#random;
    const isKept = random.chance(0.5);
    const before = new Map(open.changed);
    await session.client.query('SAVEPOINT s');
    for (let i = random.between(0, 4); i > 0; i--) {
      if (!isKept && random.chance(0.1)) await session.client.query(this.#change(open).sql);
      else if (random.chance(0.1)) await this.#savepoint(session, open);
      else await session.client.query(this.#statement(session, open));
    }
    await session.client.query(isKept ? 'RELEASE s' : 'ROLLBACK TO s; RELEASE s');
    if (isKept) return;
    open.changed.clear();
    for (const [id, table] of before) open.changed.set(id, table);
  }

  async #end(session: Session, open: Open): Promise<void> {
    const random = this.#random;
    if (random.chance(0.1)) await this.#rollback(session);
    else if (this.#prepared.size < MAX_PREPARED && random.chance(0.15)) {
      // A name may be reused.
      const gid = ['a', "b'c", 'd'].map((name) => `${name} ${String(session.client.database)}`).find((name) => !this.#prepared.has(name)) ?? ''; // prettier-ignore
      await session.client.query(`PREPARE TRANSACTION ${quote(gid)}`);
      this.#prepared.set(gid, open);
      session.open = undefined;
    } else await this.#commit(session, open);
  }

  async #commit(session: Session, { changed }: Open): Promise<void> {
    await session.client.query('COMMIT');
    session.open = undefined;
    this.#keep(changed);
  }

  async #rollback(session: Session): Promise<void> {
    await session.client.query('ROLLBACK');
    session.open = undefined;
    this.#transactions++;
  }

  async #endPrepared(session: Session, gid: string): Promise<void> {
    const open = this.#prepared.get(gid);
    const isKept = this.#random.chance(0.7);
    await session.client.query(`${isKept ? 'COMMIT' : 'ROLLBACK'} PREPARED ${quote(gid)}`);
    this.#prepared.delete(gid);
    this.#keep(isKept && open ? open.changed : new Map());
  }

  #keep(changed: ReadonlyMap<number, Table | undefined>): void {
    this.#transactions++;
    for (const [id, table] of changed) {
      if (table) this.#tables.set(id, table);
      else this.#tables.delete(id);
    }
  }

  /** A table as this transaction sees it: one that no other session alters, or (if exclusive) that no other session uses. */
  #choose(open: Open, alone: boolean): Table | undefined {
    const others = [...this.#sessions.flatMap((each) => each.open ?? []), ...this.#prepared.values()].filter((each) => each !== open); // prettier-ignore
    const taken = new Set(others.flatMap(({ changed, touched }) => [...changed.keys(), ...(alone ? touched : [])]));
    const seen = new Map([...this.#tables, ...open.changed]);
    const free = [...seen.values()].filter((table) => table !== undefined && !taken.has(table.id));
    return free[this.#random.between(0, free.length - 1)];
  }
}
