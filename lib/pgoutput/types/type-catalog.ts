import type { Column } from '../messages/table';
import { type CompositeLayouts, isBuiltIn, UnknownLayoutError, UnknownTypeError } from '../values/shaped-values';
import type { Attribute, TypeDefinition, TypeDefinitions } from './type-definitions';
import type { ValueFault } from '../values/value-fault';

/**
 * Types that a transaction created can be looked up, because it is committed. The end of the transaction waits for the
 * lookup, because its raw changes are decoded after it.
 */
export class NewTypesError extends Error {
  constructor(readonly typeOids: readonly number[]) {
    super(`types ${typeOids.join(', ')} can be looked up now`);
    this.name = 'NewTypesError';
  }
}

/**
 * The types of one subscription that are not built in.
 *
 * Types are looked up while the stream runs, and a lookup can fail or finish late. So that a column does not hold text in one
 * row and an array in the next, the decoding of a type is fixed when its first value is read: text if its definition is
 * unknown, otherwise as the definition requires.
 *
 * Only the attributes of a composite can change, by ALTER TYPE, which the server does not announce. For a while, values with
 * the old and with the new attributes arrive. The number of fields distinguishes them; for each number, the latest known
 * attributes are kept. If a type loses one attribute and gains another, old values get the new names.
 *
 * The catalog keeps about 100 bytes for each type of a column, for the whole subscription. If a type were evicted and looked up
 * again, the same column could get another kind of value.
 *
 * @example
 * const catalog = new TypeCatalog();
 * const asked = catalog.listMissing(relation.columns);
 * catalog.learn(asked, yield* lookUpTypes(asked));
 * createShapedParser({ types, definitions: catalog.definitions, layouts: catalog.layouts }, relation.table, column);
 */
export class TypeCatalog {
  readonly #definitions = new Map<number, TypeDefinition>();
  /** The types whose values stay text. */
  readonly #text = new Set<number>();
  /** The current attributes of composite types, and, in `#layouts`, all known attributes by number of fields. */
  readonly #present = new Map<number, readonly Attribute[]>();
  readonly #layouts = new Map<string, readonly Attribute[]>();
  /** Composite types that were altered after their lookup. */
  readonly #outdated = new Set<number>();

  /** The types that were looked up again because a binary value contained them. */
  readonly #reopened = new Set<number>();
  /** The layouts for which types were looked up again. */
  readonly #reconsidered = new Set<string>();

  /**
   * The types that were first used in a transaction in progress, with its xid. Types that it created are not visible before it
   * commits. Until then, their values are text, but the decoding is not fixed.
   */
  readonly #open = new Map<number, number>();
  /** The types in `#open` that a lookup has not found. */
  readonly #unseen = new Set<number>();

  /** Returns the definition of a type when a value is read. A type without a definition then stays text. */
  readonly definitions: TypeDefinitions = (typeOid) => {
    const definition = this.#definitions.get(typeOid);
    if (!definition && !this.#open.has(typeOid)) this.#text.add(typeOid);
    return definition;
  };

  /** Whether the decoding of the type can be fixed only after a transaction commits. */
  readonly isOpen = (typeOid: number): boolean => this.#open.has(typeOid);

  /** Returns the attributes of a composite with this number of fields. If there are none, the type was altered. */
  readonly layouts: CompositeLayouts = (typeOid, fields) => {
    const layout = this.#layouts.get(toLayoutKey(typeOid, fields));
    if (!layout) this.#outdated.add(typeOid);
    return layout;
  };

  /** Returns the types to look up before values of these columns are read. */
  listMissing(columns: readonly Column[]): number[] {
    return this.#listUnknown(columns).filter((typeOid) => !this.#unseen.has(typeOid));
  }

  /**
   * Records that a table was described.
   *
   * @param openXid the ID of the transaction that describes it, if it is in progress
   */
  recordColumns(columns: readonly Column[], openXid: number | undefined): void {
    const unknown = this.#listUnknown(columns);
    if (openXid === undefined) this.close(unknown);
    else for (const typeOid of unknown) if (!this.#open.has(typeOid)) this.#open.set(typeOid, openXid);
  }

  /** Returns the types whose decoding waits for a transaction. */
  listOpenedBy(xid: number): number[] {
    return [...this.#open].flatMap(([typeOid, owner]) => (owner === xid ? typeOid : []));
  }

  /** Marks the types as visible: the next lookup is final. */
  close(typeOids: readonly number[]): void {
    for (const typeOid of typeOids) {
      this.#open.delete(typeOid);
      this.#unseen.delete(typeOid);
    }
  }

  #listUnknown(columns: readonly Column[]): number[] {
    const typeOids = new Set(columns.map(({ typeOid }) => typeOid));
    return [...typeOids].filter((one) => !isBuiltIn(one) && !this.#definitions.has(one) && !this.#text.has(one));
  }

  /**
   * Adds the result of a lookup. A requested type that was not found was dropped, and stays text, unless its transaction is in
   * progress.
   *
   * @param asked the requested types; empty for a lookup of all types
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
   * Handles an {@link UnknownLayoutError} after its type was looked up again: values with fewer fields than the type has
   * attributes were written before the last attributes were added. If the lookup failed, the layout stays unknown.
   *
   * @returns whether such a value can be read now
   */
  reconsider(typeOid: number, fields: number): boolean {
    if (this.#layouts.has(toLayoutKey(typeOid, fields))) return true;
    const present = this.#present.get(typeOid);
    if (!present || fields > present.length || this.#outdated.has(typeOid)) return false;
    this.#layouts.set(toLayoutKey(typeOid, fields), present.slice(0, fields));
    return true;
  }

  /** Whether a lookup can help to read a value that could not be read. It is tried once per type and per layout. */
  mayHelp(fault: ValueFault): boolean {
    if (fault instanceof UnknownLayoutError) return !this.#reconsidered.has(toLayoutKey(fault.typeOid, fault.fields));
    return fault instanceof UnknownTypeError && fault.partOid !== undefined && this.#canReopen(fault.partOid);
  }

  /**
   * Allows another lookup after a value could not be read. A binary value with an unknown type does not fix the decoding of the
   * type, unlike text.
   *
   * @returns the types to look up; empty if a lookup cannot help
   */
  reopen(fault: ValueFault): readonly number[] {
    if (!this.mayHelp(fault)) return [];
    if (fault instanceof UnknownLayoutError) {
      this.#reconsidered.add(toLayoutKey(fault.typeOid, fault.fields));
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
    // The first definition stays, even if the OID was reused for another type.
    if (!this.#definitions.has(typeOid)) this.#definitions.set(typeOid, definition);
    if (definition.kind !== 'composite') return;
    this.#outdated.delete(typeOid);
    this.#present.set(typeOid, definition.attributes);
    this.#layouts.set(toLayoutKey(typeOid, definition.attributes.length), definition.attributes);
  }
}

function toLayoutKey(typeOid: number, fields: number): string {
  return `${typeOid}/${fields}`;
}
