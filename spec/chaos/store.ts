import { Client } from 'pg';
import type {
  Checkpoint,
  CommitPreparedMessage,
  PreparedTransaction,
  RollbackPreparedMessage,
  Transaction,
} from '../../lib/index';
import { TABLES } from './bank';
import { literal } from './content';

/** The values of a stream of the bank. */
export type Unit = Transaction | PreparedTransaction | CommitPreparedMessage | RollbackPreparedMessage;

/**
 * The initial state of an exactly-once store: the bank's tables, the position, applied transactions, prepared ones, and commits
 * of transactions that were not prepared before.
 */
export const STORE = `${TABLES}
  CREATE TABLE progress (checkpoint text);
  INSERT INTO progress VALUES (NULL);
  CREATE TABLE applied (seq bigserial PRIMARY KEY, kind text, end_lsn bigint, xid bigint, size int);
  CREATE TABLE prepared (gid text, xid bigint, sql text, PRIMARY KEY (gid, xid));
  CREATE TABLE unprepared (gid text, xid bigint);
  CREATE FUNCTION commit_prepared(g text, x bigint) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE kept text;
    BEGIN
      DELETE FROM prepared WHERE gid = g AND xid = x RETURNING sql INTO kept;
      IF kept IS NULL THEN INSERT INTO unprepared VALUES (g, x); ELSE EXECUTE kept; END IF;
    END $$;`;

/** Data and position in one database and one transaction. */
export class Store {
  readonly #writing: Client;
  readonly #reading: Client;

  private constructor(writing: Client, reading: Client) {
    this.#writing = writing;
    this.#reading = reading;
  }

  /** Waits for the lock on the store, because the server may still run the last transaction of a process that was killed. */
  static async open(url: string): Promise<Store> {
    const [writing, reading] = [new Client(url), new Client(url)];
    await Promise.all([writing.connect(), reading.connect()]);
    await writing.query('SELECT pg_advisory_lock(1)');
    return new Store(writing, reading);
  }

  async checkpoint(): Promise<Checkpoint | null> {
    const { rows } = await this.#reading.query<{ checkpoint: string | null }>('SELECT checkpoint FROM progress');
    const stored = rows[0]?.checkpoint ?? null;
    return stored === null ? null : (JSON.parse(stored) as Checkpoint);
  }

  /** @param sql makes the same changes as the unit, if it has any */
  async apply(unit: Unit, sql: string): Promise<void> {
    await this.#writing.query(`BEGIN;
      ${this.#effect(unit, sql)}
      UPDATE progress SET checkpoint = ${literal(JSON.stringify(unit.checkpoint))};
      COMMIT;`);
  }

  async close(): Promise<void> {
    await Promise.all([this.#writing.end(), this.#reading.end()]);
  }

  #effect(unit: Unit, sql: string): string {
    if (unit.kind === 'progress') return '';
    const size = 'size' in unit ? unit.size : 0;
    const applied = `INSERT INTO applied (kind, end_lsn, xid, size)
      VALUES ('${unit.kind}', ${unit.endLsn}, ${unit.xid}, ${size});`;
    switch (unit.kind) {
      case 'transaction':
        return sql + applied;
      case 'preparedTransaction':
        return `INSERT INTO prepared VALUES (${literal(unit.gid)}, ${unit.xid}, ${literal(sql)}); ${applied}`;
      case 'commitPrepared':
        return `SELECT commit_prepared(${literal(unit.gid)}, ${unit.xid}); ${applied}`;
      case 'rollbackPrepared':
        return `DELETE FROM prepared WHERE gid = ${literal(unit.gid)} AND xid = ${unit.xid}; ${applied}`;
    }
  }
}
