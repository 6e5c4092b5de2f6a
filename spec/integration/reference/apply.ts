import type { Client } from 'pg';
import type {
  Change,
  Checkpoint,
  CommitPreparedMessage,
  DeleteMessage,
  InsertMessage,
  LogicalMessage,
  Lsn,
  PreparedTransaction,
  Relation,
  RollbackPreparedMessage,
  Row,
  Transaction,
  UpdateMessage,
} from '../../../lib/index';
import { quote } from './kinds';
import { identifier } from './schema';
import { DDL_PREFIX } from './statements';

/** The values of the stream. */
export type Unit = Transaction | PreparedTransaction | CommitPreparedMessage | RollbackPreparedMessage | LogicalMessage;

type RowChange = InsertMessage | UpdateMessage | DeleteMessage;

const JSON_TYPES = [114, 3802];

/** Applies a stream to another database, each transaction once. It uses only the public API. */
export class Applier {
  readonly #client: Client;
  readonly #mark: (content: string) => void;
  /** The end LSN of the last transaction. */
  #end: Lsn = 0n;
  /**
   * The state of prepared transactions, by gid and xid, because global identifiers may be reused. An error: the reason why one
   * could not be prepared.
   */
  readonly #prepared = new Map<string, 'open' | 'ended' | { readonly error: unknown }>();
  /** Whether the JSON of the rows is parsed. */
  parsesJson = true;
  changes = 0;
  transactions = 0;
  prepared = 0;
  spooled = 0;
  redelivered = 0;
  /** The result of the stream's startLsn function. */
  checkpoint: Checkpoint | undefined;

  /** @param mark is called with messages that have the prefix `mark` */
  constructor(client: Client, mark: (content: string) => void) {
    this.#client = client;
    this.#mark = mark;
  }

  async apply(unit: Unit): Promise<void> {
    await this.#apply(unit);
    this.checkpoint = unit.checkpoint;
  }

  async #apply(unit: Unit): Promise<void> {
    switch (unit.kind) {
      case 'message':
      case 'progress':
        return;
      case 'transaction':
        if (unit.endLsn <= this.#end) this.redelivered++;
        else await this.#transaction(unit, 'COMMIT');
        this.#end = unit.endLsn > this.#end ? unit.endLsn : this.#end;
        return;
      case 'preparedTransaction':
        await this.#prepare(unit);
        return;
      case 'commitPrepared':
        await this.#endPrepared(unit, 'COMMIT');
        return;
      case 'rollbackPrepared':
        await this.#endPrepared(unit, 'ROLLBACK');
        return;
    }
  }

  async #transaction(unit: Transaction | PreparedTransaction, end: string): Promise<void> {
    if (unit.kind === 'preparedTransaction') this.prepared++;
    else this.transactions++;
    // Changes in a spool file are not shown.
    if (!('changes' in unit.toJSON())) this.spooled++;
    let last = -1;
    await this.#client.query('BEGIN');
    for (const change of unit) {
      if (change.ordinal !== ++last) throw new Error(`Change ${last} of ${nameOf(unit)} has ordinal ${change.ordinal}`);
      await this.#change(change);
    }
    await this.#client.query(end);
    if (last + 1 !== unit.size) throw new Error(`${nameOf(unit)} has ${last + 1} changes, not ${unit.size}`);
  }

  /**
   * A transaction that was rolled back before the server decoded it may be sent with only some of its changes, because logical
   * decoding detects the rollback while it decodes. So an error matters only if the transaction is committed.
   */
  async #prepare(unit: PreparedTransaction): Promise<void> {
    const name = nameOf(unit);
    if (this.#prepared.has(name)) {
      this.redelivered++;
      return;
    }
    try {
      await this.#transaction(unit, `PREPARE TRANSACTION ${gidOf(unit)}`);
      this.#prepared.set(name, 'open');
    } catch (error) {
      await this.#client.query('ROLLBACK');
      this.#prepared.set(name, { error });
    }
  }

  async #endPrepared(unit: CommitPreparedMessage | RollbackPreparedMessage, how: string): Promise<void> {
    const state = this.#prepared.get(nameOf(unit));
    if (state === 'ended') this.redelivered++;
    else if (state === 'open') await this.#client.query(`${how} PREPARED ${gidOf(unit)}`);
    else if (how === 'COMMIT') throw new Error(`${nameOf(unit)} was not prepared`, { cause: state?.error });
    // Otherwise it was rolled back before it was sent: before the slot had two-phase decoding, or before it was decoded
    // completely.
    this.#prepared.set(nameOf(unit), 'ended');
  }

  async #change(change: Change): Promise<void> {
    this.changes++;
    switch (change.kind) {
      case 'message':
        if (change.prefix === DDL_PREFIX) await this.#client.query(change.content.toString());
        else if (change.prefix === 'mark') this.#mark(change.content.toString());
        return;
      case 'truncate':
        await this.#client.query(`TRUNCATE ${change.relations.map(nameOfTable).join(', ')}`);
        return;
      case 'insert':
        await this.#insert(change);
        return;
      case 'update':
        await this.#update(change);
        return;
      case 'delete':
        await this.#delete(change);
    }
  }

  async #insert(change: InsertMessage): Promise<void> {
    const values = new Values(change.relation, this.parsesJson);
    const columns = Object.keys(change.new);
    const into = `INSERT INTO ${nameOfTable(change.relation)} (${columns.map(identifier).join(', ')})`;
    await this.#one(
      change,
      `${into} VALUES (${columns.map((column) => values.add(column, change.new)).join(', ')})`,
      values,
    );
  }

  async #update(change: UpdateMessage): Promise<void> {
    const values = new Values(change.relation, this.parsesJson);
    const sets = Object.keys(change.new).map((column) => `${identifier(column)} = ${values.add(column, change.new)}`);
    const where = theRow(change, change.new, values);
    await this.#one(change, `UPDATE ${nameOfTable(change.relation)} SET ${sets.join(', ')} ${where}`, values);
  }

  async #delete(change: DeleteMessage): Promise<void> {
    const values = new Values(change.relation, this.parsesJson);
    await this.#one(change, `DELETE FROM ${nameOfTable(change.relation)} ${theRow(change, {}, values)}`, values);
  }

  async #one(change: RowChange, sql: string, { list }: Values): Promise<void> {
    const { rowCount } = await this.#client.query(sql, list);
    if (rowCount !== 1) throw new Error(`${rowCount} rows instead of one: ${sql}; ${JSON.stringify(change)}`);
  }
}

/** The parameters of a query. */
class Values {
  readonly list: unknown[] = [];
  readonly #relation: Relation;
  readonly #parsesJson: boolean;

  constructor(relation: Relation, parsesJson: boolean) {
    this.#relation = relation;
    this.#parsesJson = parsesJson;
  }

  /** @returns the placeholder in the query */
  add(column: string, row: Row): string {
    const value = row[column];
    const typeOid = this.#relation.columns.find(({ name }) => name === column)?.typeOid ?? 0;
    const isJson = this.#parsesJson && JSON_TYPES.includes(typeOid) && value !== null;
    return `$${this.list.push(isJson ? JSON.stringify(value) : value)}`;
  }
}

/** A condition for one row. Of several equal rows, it selects any. */
function theRow({ relation, old, key }: UpdateMessage | DeleteMessage, row: Row, values: Values): string {
  const identity =
    old ?? key ?? Object.fromEntries(relation.columns.filter((c) => c.key).map(({ name }) => [name, row[name]]));
  const conditions = Object.keys(identity).map(
    // The CASE determines the type of the parameter, which IS does not do for a composite.
    (column) =>
      `${identifier(column)} IS NOT DISTINCT FROM CASE WHEN true THEN ${values.add(column, identity)} ELSE ${identifier(column)} END`,
  );
  // In a partitioned table, a ctid is unique only within a partition.
  const table = nameOfTable(relation);
  return `WHERE (tableoid, ctid) = (SELECT tableoid, ctid FROM ${table} WHERE ${conditions.join(' AND ')} LIMIT 1)`;
}

function nameOfTable({ schema, name }: Relation): string {
  return `${identifier(schema)}.${identifier(name)}`;
}

function nameOf({ xid, gid }: { readonly xid: number; readonly gid?: string }): string {
  return gid === undefined ? `transaction ${xid}` : `${gid}/${xid}`;
}

/** Both databases are in one cluster, in which names of prepared transactions are unique. */
function gidOf({ gid, xid }: { readonly gid: string; readonly xid: number }): string {
  return quote(`copy ${gid}/${xid}`);
}
