import { isBuiltIn, UnknownLayoutError, UnknownTypeError } from '../pgoutput/shaped-values';
import type { RelationMessage } from '../pgoutput/transaction-messages';
import { NewTypesError, type TypeCatalog } from '../pgoutput/type-catalog';

const NOT_LOOKED_UP =
  'Ask for the stream with lookUpTypes: true, or without binary; or keep the column out of the publication.';

/** What has to be asked of the catalog while the stream waits: what comes next cannot be read before it is known. */
export class TypeQuestions {
  readonly #catalog: TypeCatalog | undefined;
  readonly #ask: (typeOids: readonly number[]) => void;
  #waiting = false;
  /** The last value that could not be read at once. */
  #unread: UnknownLayoutError | undefined;
  /** Whether it still waits. */
  #isUnread = false;
  /** Why the last look-up without an answer had none. */
  #failure: Error | undefined;

  /** @param ask is followed by `answered` in a later turn, whether or not there was an answer */
  constructor(catalog: TypeCatalog | undefined, ask: (typeOids: readonly number[]) => void) {
    this.#catalog = catalog;
    this.#ask = ask;
  }

  get waiting(): boolean {
    return this.#waiting;
  }

  /** A table was described: its rows may be next. */
  about({ columns }: RelationMessage): void {
    const missing = this.#catalog?.missing(columns) ?? [];
    if (missing.length > 0) this.#wait(missing);
  }

  /**
   * A message could not be read.
   *
   * @returns whether it may be tried again, once there is an answer
   */
  retry(error: unknown): boolean {
    if (error instanceof NewTypesError && this.#catalog) {
      this.#catalog.close(error.typeOids);
      this.#wait(error.typeOids);
      return true;
    }
    const last = this.#unread;
    if (error instanceof UnknownTypeError && error.partOid !== undefined && this.#catalog?.reopen(error.partOid)) {
      const { typeOid, partOid } = error;
      this.#isUnread = true;
      this.#wait(isBuiltIn(typeOid) ? [partOid] : [typeOid, partOid]);
      return true;
    }
    if (!(error instanceof UnknownLayoutError) || !this.#catalog) return false;
    // The catalog does not know such values either.
    if (last?.typeOid === error.typeOid && last.fields === error.fields) return false;
    this.#unread = error;
    this.#isUnread = true;
    this.#wait([error.typeOid]);
    return true;
  }

  /**
   * What the stream ends with when a message cannot be read: where the answer would have told how, what the look-up failed by.
   * Another attempt may help then.
   */
  reasonFor(error: unknown): unknown {
    if (!(error instanceof UnknownTypeError)) return error;
    if (this.#catalog || isBuiltIn(error.typeOid)) return this.#failure ?? error;
    return error.recast(error.code, { remedy: NOT_LOOKED_UP });
  }

  /**
   * Without an answer, types that nobody has read a value of stay text.
   *
   * @returns what the stream has to end with: a value waits for the answer
   */
  answered(error: Error | undefined): Error | undefined {
    this.#waiting = false;
    if (error) this.#failure = error;
    if (!this.#isUnread) return undefined;
    this.#isUnread = false;
    if (this.#unread) this.#catalog?.reconsider(this.#unread.typeOid, this.#unread.fields);
    return error;
  }

  #wait(typeOids: readonly number[]): void {
    this.#waiting = true;
    this.#ask(typeOids);
  }
}
