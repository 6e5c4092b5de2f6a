import type { Column } from '../messages/table';
import { type CompositeLayouts, isBuiltIn, UnknownLayoutError, UnknownTypeError } from '../values/shaped-values';
import type { Attribute, TypeDefinition, TypeDefinitions } from './type-definitions';
import type { ValueFault } from '../values/value-fault';

/**
 * Types that a transaction has made can be looked up, now that it is committed. So its end waits until they are known: what
 * was kept of its changes is read then.
 */
export class NewTypesError extends Error {
  constructor(readonly typeOids: readonly number[]) {
    super(`types ${typeOids.join(', ')} can be looked up now`);
    this.name = 'NewTypesError';
  }
}

/**
 * What one subscription knows of types that are not built in.
 *
 * Types are looked up while the stream runs, and a look-up may fail, or come too late. So that a column does not hold text in
 * one row and an array in the next, what a type's values are is settled when the first of them is read, and stays so: text
 * where nothing was known of the type, and otherwise what its definition makes of it.
 *
 * Only a composite's attributes may change, as ALTER TYPE changes them: no message tells of that. Values of either kind come
 * for a while, of transactions that began before and after it. They are told apart by their number of fields, and for each
 * number the attributes that were last seen are kept. What cannot be told apart is a type that lost one attribute and gained
 * another: values from before that get the names of now.
 *
 * It keeps some 100 bytes for each type that has come up in a column since the subscription began, and forgets none: a type
 * that was forgotten and looked up again could make another kind of value of the same column.
 *
 * @example
 * const catalog = new TypeCatalog();
 * const asked = catalog.missing(relation.columns);
 * catalog.learn(asked, yield* lookUpTypes(asked));
 * createShapedParser({ types, definitions: catalog.definitions, layouts: catalog.layouts }, relation.table, column);
 */
export class TypeCatalog {
  readonly #definitions = new Map<number, TypeDefinition>();
  /** Those that stay text. */
  readonly #text = new Set<number>();
  /** The attributes of composite types: the present ones, and by number all that there have been. */
  readonly #present = new Map<number, readonly Attribute[]>();
  readonly #layouts = new Map<string, readonly Attribute[]>();
  /** Composite types that have changed since they were looked up. */
  readonly #outdated = new Set<number>();

  /** Those that came up in a value. */
  readonly #reopened = new Set<number>();
  /** The layouts for which types were looked up once more. */
  readonly #reconsidered = new Set<string>();

  /**
   * By type, those that came up in a transaction that is still open: its xid. What it has made, nobody else can see before it is
   * committed. Until then their values are text, without that being settled.
   */
  readonly #open = new Map<number, number>();
  /** Those of them that a look-up has not found. */
  readonly #unseen = new Set<number>();

  /** The definition of a type, asked for when a value is to be read: one that has none by then stays text. */
  readonly definitions: TypeDefinitions = (typeOid) => {
    const definition = this.#definitions.get(typeOid);
    if (!definition && !this.#open.has(typeOid)) this.#text.add(typeOid);
    return definition;
  };

  /** Whether what the type's values are can only be told when a transaction is committed. */
  readonly isOpen = (typeOid: number): boolean => this.#open.has(typeOid);

  /** The attributes of a composite's values with so many fields. Where there are none, the type must have been altered. */
  readonly layouts: CompositeLayouts = (typeOid, fields) => {
    const layout = this.#layouts.get(key(typeOid, fields));
    if (!layout) this.#outdated.add(typeOid);
    return layout;
  };

  /** The types that would have to be looked up before values of these columns are read. */
  missing(columns: readonly Column[]): number[] {
    return this.#unknown(columns).filter((typeOid) => !this.#unseen.has(typeOid));
  }

  /**
   * A table was described.
   *
   * @param openXid by whom, where that is not committed yet
   */
  described(columns: readonly Column[], openXid: number | undefined): void {
    const unknown = this.#unknown(columns);
    if (openXid === undefined) this.close(unknown);
    else for (const typeOid of unknown) if (!this.#open.has(typeOid)) this.#open.set(typeOid, openXid);
  }

  /** The types that were left open for a transaction. */
  openedBy(xid: number): number[] {
    return [...this.#open].flatMap(([typeOid, owner]) => (owner === xid ? typeOid : []));
  }

  /** What a look-up finds of them from here on is what there is. */
  close(typeOids: readonly number[]): void {
    for (const typeOid of typeOids) {
      this.#open.delete(typeOid);
      this.#unseen.delete(typeOid);
    }
  }

  #unknown(columns: readonly Column[]): number[] {
    const typeOids = new Set(columns.map(({ typeOid }) => typeOid));
    return [...typeOids].filter((one) => !isBuiltIn(one) && !this.#definitions.has(one) && !this.#text.has(one));
  }

  /**
   * Takes in what a look-up has found. A type that was asked for and not found has been dropped, and stays text; unless its
   * transaction is still open.
   *
   * @param asked the types that were asked for; none for a look-up of everything
   */
  learn(asked: readonly number[], found: ReadonlyMap<number, TypeDefinition>): void {
    for (const [typeOid, definition] of found) this.#see(typeOid, definition);
    for (const typeOid of asked) {
      if (this.#definitions.has(typeOid)) this.close([typeOid]);
      else if (this.#open.has(typeOid)) this.#unseen.add(typeOid);
      else this.#text.add(typeOid);
    }
  }

  /**
   * What there is to do about an {@link UnknownLayoutError}, once its type has been looked up again: values with fewer fields
   * than the type has attributes now were written before the last of those were added. Where that look-up has failed, nothing
   * is guessed.
   *
   * @returns whether such a value can be read now
   */
  reconsider(typeOid: number, fields: number): boolean {
    if (this.#layouts.has(key(typeOid, fields))) return true;
    const present = this.#present.get(typeOid);
    if (!present || fields > present.length || this.#outdated.has(typeOid)) return false;
    this.#layouts.set(key(typeOid, fields), present.slice(0, fields));
    return true;
  }

  /** Whether a look-up may tell how to read a value that could not be read. It is tried once for each type, and each layout. */
  mayHelp(fault: ValueFault): boolean {
    if (fault instanceof UnknownLayoutError) return !this.#reconsidered.has(key(fault.typeOid, fault.fields));
    return fault instanceof UnknownTypeError && fault.partOid !== undefined && this.#canReopen(fault.partOid);
  }

  /**
   * A value could not be read. In binary form that is for want of a type that came up in it: unlike text it has not settled what
   * the type's values are.
   *
   * @returns the types to look up; none where that cannot help
   */
  reopen(fault: ValueFault): readonly number[] {
    if (!this.mayHelp(fault)) return [];
    if (fault instanceof UnknownLayoutError) {
      this.#reconsidered.add(key(fault.typeOid, fault.fields));
      return [fault.typeOid];
    }
    if (!(fault instanceof UnknownTypeError) || fault.partOid === undefined) return [];
    const { typeOid, partOid } = fault;
    this.#reopened.add(partOid);
    this.#text.delete(partOid);
    return isBuiltIn(typeOid) ? [partOid] : [typeOid, partOid];
  }

  #canReopen(typeOid: number): boolean {
    return !isBuiltIn(typeOid) && !this.#definitions.has(typeOid) && !this.#reopened.has(typeOid);
  }

  #see(typeOid: number, definition: TypeDefinition): void {
    if (isBuiltIn(typeOid) || this.#text.has(typeOid)) return;
    // The first one stays: an OID that was given to another type in between keeps its kind of value.
    if (!this.#definitions.has(typeOid)) this.#definitions.set(typeOid, definition);
    if (definition.kind !== 'composite') return;
    this.#outdated.delete(typeOid);
    this.#present.set(typeOid, definition.attributes);
    this.#layouts.set(key(typeOid, definition.attributes.length), definition.attributes);
  }
}

function key(typeOid: number, fields: number): string {
  return `${typeOid}/${fields}`;
}
