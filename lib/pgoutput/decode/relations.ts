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

/** The options for decoding tables and values. */
export interface Decoding extends ValueDecoding {
  /** Checks each table when it is described. */
  readonly check?: TableCheck | undefined;
  readonly limits?: TableLimits;
}

/** The limits of the tables in memory. */
export interface TableLimits {
  /** The maximum number of columns of compiled tables. */
  readonly columns: number;
  /** The maximum size of all descriptions, in bytes. */
  readonly bytes: number;
}

/** About 10 MB of compiled tables, and the descriptions of about 100,000 tables. */
const LIMITS: TableLimits = { columns: 16_384, bytes: 32 * 1024 * 1024 };
/** The maximum number of type names. The server sends the types of a table right before the table, of at most 1,600 columns. */
const MAX_NAMES = 2048;

/** A table in one cache. */
interface CachedTable {
  readonly table: DescribedTable;
  /** Increases with each description of the stream. */
  readonly order: number;
}

/**
 * The tables described so far, by OID.
 *
 * A new description of a table replaces the entry; changes that were emitted before keep the old one. The server does not
 * announce that a table is dropped, so above a limit the least recently used tables are evicted.
 */
export class RelationCache {
  readonly #decoding: Decoding;
  readonly #compiled: CompiledTables;
  /** The cache for tables that are not described here. */
  readonly #base: RelationCache | undefined;
  readonly #entries = new Map<number, CachedTable>();
  #bytes = 0;
  #last: CompiledRelation | undefined;
  /** The order of the latest evicted description. */
  #newestEvicted = -1;
  /** The schema drift in a transaction that can still be aborted. */
  #drift: ReplicationError | undefined;
  /** The latest type names, by OID. */
  #names: Map<number, TypeMessage> | undefined;

  constructor(decoding: Decoding, base?: RelationCache) {
    this.#decoding = decoding;
    this.#base = base;
    this.#compiled = base ? base.#compiled : new CompiledTables(decoding, (decoding.limits ?? LIMITS).columns);
  }

  /** Creates a cache for a transaction that can still be aborted. It reads from this cache, and adds to itself only. */
  createOverlay(): RelationCache {
    return new RelationCache(this.#decoding, this);
  }

  /** Adds the descriptions of an overlay, except those that are older than the ones here. */
  merge(overlay: RelationCache): void {
    for (const type of overlay.#names?.values() ?? []) this.addType(type);
    for (const [oid, entry] of overlay.#entries) {
      const known = this.#entries.get(oid);
      // A later description can have been evicted.
      if ((known?.order ?? this.#newestEvicted) < entry.order) this.#setEntry(oid, entry);
    }
    this.#last = undefined;
    this.#evictOldest();
  }

  addType(type: TypeMessage): void {
    const names = (this.#names ??= new Map<number, TypeMessage>());
    names.delete(type.oid);
    names.set(type.oid, type);
    if (names.size <= MAX_NAMES) return;
    for (const oldest of names.keys()) {
      names.delete(oldest);
      return;
    }
  }

  #findName(oid: number): TypeMessage | undefined {
    const name = this.#names?.get(oid);
    return name ?? (this.#base === undefined ? undefined : this.#base.#findName(oid));
  }

  /**
   * Returns the base type of a domain: the Type message of a domain has the OID of the domain and the name of the base type.
   * Values are read as the base type, as in `pg`, because the columns of a query result have the base type.
   */
  #findDomainBase(oid: number): number | undefined {
    const type = this.#findName(oid);
    return type?.schema === 'pg_catalog' ? BUILT_IN_TYPES.get(type.name) : undefined;
  }

  /**
   * @param payload the message from its OID on, in Latin-1
   * @param openXid the ID of the transaction that describes the table, if it is in progress
   * @throws {ReplicationError} `SCHEMA_DRIFT` when the table differs from `expectTables`; an overlay throws in {@link assertExpectedTables}
   */
  add(message: RelationMessage, payload: string, openXid?: number): void {
    this.#decoding.catalog?.recordColumns(message.columns, openXid);
    try {
      this.#check(message);
    } catch (error) {
      if (this.#base === undefined || !(error instanceof ReplicationError)) throw error;
      this.#drift ??= error;
    }
    const { oid } = message;
    const known = this.#find(oid);
    // The server describes a table again in each streamed transaction, mostly unchanged.
    const isKnown = known?.payload === payload && isSelfContained(message);
    const table = isKnown ? known : this.#createTable(message, payload);
    table.lastUse = this.#compiled.tick();
    this.#setEntry(oid, { table, order: table.lastUse });
    this.#last = table.relation;
    this.#evictOldest();
  }

  /** Adds a table that another cache has described. */
  put(table: DescribedTable): void {
    if (this.#last?.described === table) return;
    const { relation } = table;
    this.#setEntry(relation.message.oid, { table, order: 0 });
    this.#last = relation;
  }

  get(oid: number): CompiledRelation | undefined {
    // Consecutive changes are mostly of the same table.
    if (this.#last?.message.oid === oid) return this.#last;
    const own = this.#entries.get(oid);
    // Tables of the base are not kept in #last: the base can receive a new description.
    if (own === undefined) return this.#base?.get(oid);
    own.table.lastUse = this.#compiled.clock;
    return (this.#last = own.table.relation);
  }

  /** Releases the last compiled table, because no lookup follows for a while. */
  releaseLastTable(): void {
    this.#last = undefined;
  }

  /** Whether any description was evicted: an unknown table can have been described. */
  get hasEvicted(): boolean {
    return this.#newestEvicted >= 0 || (this.#base?.hasEvicted ?? false);
  }

  /**
   * Checks the tables of a transaction that commits or is prepared.
   *
   * @throws {ReplicationError} `SCHEMA_DRIFT` when a table differs from `expectTables`
   */
  assertExpectedTables(): void {
    if (this.#drift) throw this.#drift;
  }

  /**
   * Checks the types of a committed transaction, before its end is emitted.
   *
   * @throws {NewTypesError} when types must be looked up first
   */
  assertKnownTypes(xid: number): void {
    const typeOids = this.#decoding.catalog?.listOpenedBy(xid) ?? [];
    if (typeOids.length > 0) throw new NewTypesError(typeOids);
  }

  /** Releases the types of an aborted transaction. */
  forgetTypes(xid: number): void {
    const { catalog } = this.#decoding;
    catalog?.close(catalog.listOpenedBy(xid));
  }

  #createTable(message: RelationMessage, payload: string): DescribedTable {
    const table = new DescribedTable(this.#compiled, payload, this.#findDomainBases(message), this.#base !== undefined);
    this.#compiled.compile(table, message);
    return table;
  }

  #findDomainBases({ columns }: RelationMessage): DomainBases | undefined {
    let domains: Map<number, number> | undefined;
    for (const { typeOid } of columns) {
      const base = isBuiltIn(typeOid) ? undefined : this.#findDomainBase(typeOid);
      if (base !== undefined) (domains ??= new Map()).set(typeOid, base);
    }
    return domains;
  }

  #check(message: RelationMessage): void {
    this.#decoding.check?.(
      message,
      (oid) => this.#findDomainBase(oid) ?? oid,
      (oid) => {
        const type = this.#findName(oid);
        return type && formatQualifiedName(type.schema, type.name);
      },
    );
  }

  #find(oid: number): DescribedTable | undefined {
    const own = this.#entries.get(oid);
    if (own) return own.table;
    return this.#base ? this.#base.#find(oid) : undefined;
  }

  #setEntry(oid: number, entry: CachedTable): void {
    this.#bytes += entry.table.weight - (this.#entries.get(oid)?.table.weight ?? 0);
    this.#entries.set(oid, entry);
  }

  /**
   * Evicts down to three quarters of the limit, so that not every description has to sort the tables. It does not evict from
   * overlays, because the cache below can have another description.
   */
  #evictOldest(): void {
    const { bytes } = this.#decoding.limits ?? LIMITS;
    if (this.#base !== undefined || this.#bytes <= bytes) return;
    const entries = [...this.#entries].sort(([, one], [, other]) => one.table.lastUse - other.table.lastUse);
    // The last table can be needed next.
    for (const [oid, { table, order }] of entries.slice(0, -1)) {
      if (this.#bytes <= (bytes * 3) / 4) return;
      this.#entries.delete(oid);
      this.#bytes -= table.weight;
      this.#newestEvicted = Math.max(this.#newestEvicted, order);
    }
  }
}
