import { ReplicationError } from '../../common/errors';
import { BUILT_IN_TYPES } from '../types/built-in-types';
import {
  CompiledTables,
  DescribedTable,
  isSelfContained,
  type CompiledRelation,
  type DomainBases,
  type ValueDecoding,
} from '../messages/described-table';
import type { TableCheck } from '../types/expected-tables';
import { isBuiltIn } from '../values/shaped-values';
import { formatQualifiedName } from '../messages/table';
import type { RelationMessage, TypeMessage } from '../messages/transaction-messages';
import { NewTypesError } from '../types/type-catalog';

/** How tables and their values are read. */
export interface Decoding extends ValueDecoding {
  /** Looks at each table as it is described. */
  readonly check?: TableCheck | undefined;
  readonly limits?: TableLimits;
}

/** How much of tables is remembered. */
export interface TableLimits {
  /** Of tables that are compiled. */
  readonly columns: number;
  /** Of descriptions, compiled or not. */
  readonly bytes: number;
}

/** Some 10 MB of compiled tables, and the descriptions of about 100,000 tables. */
const LIMITS: TableLimits = { columns: 16_384, bytes: 32 * 1024 * 1024 };
/** The server names the types of a table's columns right before it describes the table, which has 1,600 columns at most. */
const MOST_NAMES = 2048;

/** A table as one cache knows it. */
interface Entry {
  readonly table: DescribedTable;
  /** Grows from one description to the next of the same stream. */
  readonly order: number;
}

/**
 * The tables described so far, by OID.
 *
 * A table described again gets a new entry: changes that were emitted before keep the old one. Nothing tells that a table was
 * dropped, so beyond a limit those that were not used for longest are forgotten.
 */
export class RelationCache {
  readonly #decoding: Decoding;
  readonly #compiled: CompiledTables;
  /** Where to look for what is not described here. */
  readonly #below: RelationCache | undefined;
  readonly #entries = new Map<number, Entry>();
  #bytes = 0;
  #last: CompiledRelation | undefined;
  /** The order of the latest description that was forgotten. */
  #forgotten = -1;
  /** How a table was not as expected, in a transaction that may yet be aborted. */
  #drift: ReplicationError | undefined;
  /** The types that were named last, by OID. */
  #names: Map<number, TypeMessage> | undefined;

  constructor(decoding: Decoding, below?: RelationCache) {
    this.#decoding = decoding;
    this.#below = below;
    this.#compiled = below ? below.#compiled : new CompiledTables(decoding, (decoding.limits ?? LIMITS).columns);
  }

  /** A cache for a transaction that may yet be aborted: it sees what is described here, and adds to itself alone. */
  overlay(): RelationCache {
    return new RelationCache(this.#decoding, this);
  }

  /** Takes over what an overlay was told, but for what has been told here since. */
  merge(overlay: RelationCache): void {
    for (const type of overlay.#names?.values() ?? []) this.addType(type);
    for (const [oid, entry] of overlay.#entries) {
      const known = this.#entries.get(oid);
      // Of what was forgotten, a later description may have been.
      if ((known?.order ?? this.#forgotten) < entry.order) this.#enter(oid, entry);
    }
    this.#last = undefined;
    this.#forgetOldest();
  }

  addType(type: TypeMessage): void {
    const names = (this.#names ??= new Map<number, TypeMessage>());
    names.delete(type.oid);
    names.set(type.oid, type);
    if (names.size <= MOST_NAMES) return;
    for (const oldest of names.keys()) {
      names.delete(oldest);
      return;
    }
  }

  #nameOf(oid: number): TypeMessage | undefined {
    const name = this.#names?.get(oid);
    return name ?? (this.#below === undefined ? undefined : this.#below.#nameOf(oid));
  }

  /**
   * A domain's Type message has the domain's own OID and its base type's name. `pg` never sees a domain, since a query's
   * columns have the base type, so values are read as that.
   */
  #domainOf(oid: number): number | undefined {
    const type = this.#nameOf(oid);
    return type?.schema === 'pg_catalog' ? BUILT_IN_TYPES.get(type.name) : undefined;
  }

  /**
   * @param payload the message from its OID on, a character for each byte
   * @param openXid of the transaction that describes the table, where that is not committed yet
   * @throws {ReplicationError} `SCHEMA_DRIFT` when it is not as expected; an overlay keeps that for {@link expectFit}
   */
  add(message: RelationMessage, payload: string, openXid?: number): void {
    this.#decoding.catalog?.described(message.columns, openXid);
    try {
      this.#check(message);
    } catch (error) {
      if (this.#below === undefined || !(error instanceof ReplicationError)) throw error;
      this.#drift ??= error;
    }
    const { oid } = message;
    const known = this.#find(oid);
    // The server describes a table anew in each transaction that it streams, mostly as it was.
    const isKnown = known?.payload === payload && isSelfContained(message);
    const table = isKnown ? known : this.#described(message, payload);
    table.lastUse = this.#compiled.tick();
    this.#enter(oid, { table, order: table.lastUse });
    this.#last = table.relation;
    this.#forgetOldest();
  }

  /** A table that somebody else has described. */
  put(table: DescribedTable): void {
    if (this.#last?.described === table) return;
    const { relation } = table;
    this.#enter(relation.message.oid, { table, order: 0 });
    this.#last = relation;
  }

  get(oid: number): CompiledRelation | undefined {
    // Changes of one table mostly follow each other.
    if (this.#last?.message.oid === oid) return this.#last;
    const own = this.#entries.get(oid);
    // What stands below may be described anew there.
    if (own === undefined) return this.#below?.get(oid);
    own.table.lastUse = this.#compiled.clock;
    return (this.#last = own.table.relation);
  }

  /** Nothing is looked for here for a while: what is compiled need not wait for it. */
  rest(): void {
    this.#last = undefined;
  }

  /** Whether any description was forgotten: a table that is not known may have been described. */
  get hasForgotten(): boolean {
    return this.#forgotten >= 0 || (this.#below?.hasForgotten ?? false);
  }

  /**
   * The transaction is not aborted: its changes count, or are to be kept.
   *
   * @throws {ReplicationError} `SCHEMA_DRIFT` when a table was not as expected
   */
  expectFit(): void {
    if (this.#drift) throw this.#drift;
  }

  /**
   * A transaction is committed, and its end is about to be told.
   *
   * @throws {NewTypesError} when types can be looked up first
   */
  expectTypes(xid: number): void {
    const typeOids = this.#decoding.catalog?.openedBy(xid) ?? [];
    if (typeOids.length > 0) throw new NewTypesError(typeOids);
  }

  /** A transaction is aborted, and with it what it has made. */
  forgetTypes(xid: number): void {
    const { catalog } = this.#decoding;
    catalog?.close(catalog.openedBy(xid));
  }

  #described(message: RelationMessage, payload: string): DescribedTable {
    const table = new DescribedTable(this.#compiled, payload, this.#domainsOf(message), this.#below !== undefined);
    this.#compiled.compile(table, message);
    return table;
  }

  #domainsOf({ columns }: RelationMessage): DomainBases | undefined {
    let domains: Map<number, number> | undefined;
    for (const { typeOid } of columns) {
      const base = isBuiltIn(typeOid) ? undefined : this.#domainOf(typeOid);
      if (base !== undefined) (domains ??= new Map()).set(typeOid, base);
    }
    return domains;
  }

  #check(message: RelationMessage): void {
    this.#decoding.check?.(
      message,
      (oid) => this.#domainOf(oid) ?? oid,
      (oid) => {
        const type = this.#nameOf(oid);
        return type && formatQualifiedName(type.schema, type.name);
      },
    );
  }

  #find(oid: number): DescribedTable | undefined {
    const own = this.#entries.get(oid);
    if (own) return own.table;
    return this.#below ? this.#below.#find(oid) : undefined;
  }

  #enter(oid: number, entry: Entry): void {
    this.#bytes += entry.table.weight - (this.#entries.get(oid)?.table.weight ?? 0);
    this.#entries.set(oid, entry);
  }

  /**
   * Down to three quarters, so that not each table that is described has to look for the oldest. What an open transaction has
   * described is not forgotten: what is known below is not the same.
   */
  #forgetOldest(): void {
    const { bytes } = this.#decoding.limits ?? LIMITS;
    if (this.#below !== undefined || this.#bytes <= bytes) return;
    const entries = [...this.#entries].sort(([, one], [, other]) => one.table.lastUse - other.table.lastUse);
    // The last one may be about to be used.
    for (const [oid, { table, order }] of entries.slice(0, -1)) {
      if (this.#bytes <= (bytes * 3) / 4) return;
      this.#entries.delete(oid);
      this.#bytes -= table.weight;
      this.#forgotten = Math.max(this.#forgotten, order);
    }
  }
}
