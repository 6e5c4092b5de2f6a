import { isBuiltIn, UnknownLayoutError, UnknownTypeError } from '../../pgoutput/values/shaped-values';
import type { RelationMessage } from '../../pgoutput/messages/transaction-messages';
import { NewTypesError, type TypeCatalog } from '../../pgoutput/types/type-catalog';
import { ValueError } from '../../pgoutput/values/value-error';

const NOT_LOOKED_UP =
  "Subscribe with lookUpTypes: true, or without binary, or with onDecodeError: 'deliver', which delivers the value's bytes and goes on.";

/** Catalog lookups that the stream waits for: the next message cannot be decoded before they are complete. */
export class PendingTypeLookups {
  readonly #catalog: TypeCatalog | undefined;
  readonly #lookUp: (typeOids: readonly number[]) => void;
  #isPending = false;
  /** The layout of the value that waits for the lookup. */
  #unread: UnknownLayoutError | undefined;
  /** The error of the last failed lookup. */
  #failure: Error | undefined;
  /** The error of the last failed lookup for an unknown layout. */
  #layoutFailure: Error | undefined;

  /** @param lookUp starts a lookup; {@link complete} is called in a later turn, also where the lookup failed */
  constructor(catalog: TypeCatalog | undefined, lookUp: (typeOids: readonly number[]) => void) {
    this.#catalog = catalog;
    this.#lookUp = lookUp;
  }

  get isPending(): boolean {
    return this.#isPending;
  }

  /** Looks up the unknown types of a table: its rows may be next. */
  requestMissing({ columns }: RelationMessage): void {
    const missing = this.#catalog?.listMissing(columns) ?? [];
    if (missing.length > 0) this.#request(missing);
  }

  /**
   * A message could not be read.
   *
   * @returns whether to decode it again once the lookup is complete
   */
  requestFor(error: unknown): boolean {
    if (error instanceof NewTypesError && this.#catalog) {
      this.#catalog.close(error.typeOids);
      this.#request(error.typeOids);
      return true;
    }
    const fault = error instanceof ValueError ? error.fault : undefined;
    const typeOids = fault && this.#catalog?.reopen(fault);
    if (!typeOids || typeOids.length === 0) return false;
    this.#unread = fault instanceof UnknownLayoutError ? fault : undefined;
    this.#request(typeOids);
    return true;
  }

  /**
   * Returns the error for a message that cannot be read. If a lookup for it failed, that is the error of the lookup, because
   * another attempt may help.
   */
  explain(error: unknown): unknown {
    const fault = error instanceof ValueError ? error.fault : undefined;
    if (fault instanceof UnknownLayoutError) return this.#layoutFailure ?? error;
    if (!(error instanceof ValueError && fault instanceof UnknownTypeError)) return error;
    if (this.#catalog || isBuiltIn(fault.typeOid)) return this.#failure ?? error;
    return error.withCode(error.code, { remedy: NOT_LOOKED_UP });
  }

  /**
   * A lookup is complete. If it failed, values of the unknown types stay text.
   *
   * @param error the error of a failed lookup
   */
  complete(error: Error | undefined): void {
    this.#isPending = false;
    if (error) this.#failure = error;
    if (!this.#unread) return;
    this.#layoutFailure = error;
    this.#catalog?.reconsider(this.#unread.typeOid, this.#unread.fields);
    this.#unread = undefined;
  }

  #request(typeOids: readonly number[]): void {
    this.#isPending = true;
    this.#lookUp(typeOids);
  }
}
