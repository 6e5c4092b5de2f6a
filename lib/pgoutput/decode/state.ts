import { ProtocolError, ReplicationError } from '../../common/errors';
import { formatLsn, type Lsn } from '../../common/lsn';
import { formatTag } from '../../wire/frames';
import type { Reader } from '../../wire/reader';
import type { CommittedPosition, StreamedPosition } from '../messages/change-messages';
import type { AnyPgoutputMessage } from '../messages/messages';
import type { CompiledRelation } from '../messages/described-table';
import type { RelationCache } from './relations';
import type { ValueGuard } from '../values/value-guard';

/** The format of one kind of message. Source: PostgreSQL manual, "Logical Replication Message Formats". */
export interface MessageFormat {
  /** The name in error messages, such as 'Insert message'. */
  readonly name: string;
  /** Whether the message has an xid after its tag in a streamed block. */
  readonly hasXid?: boolean;
  /** Whether the message has no tag: a row of COPY. */
  readonly isUntagged?: boolean;
  /** Whether the message contains column values. */
  readonly hasValues?: boolean;
  /** Reads the rest of the message, and updates the state. */
  readonly decode: (reader: Reader, state: DecoderState) => AnyPgoutputMessage;
}

/** A transaction that is not streamed, up to its Commit or Prepare. */
export class OpenTransaction implements CommittedPosition {
  readonly xid = undefined;
  ordinal = -1;

  constructor(
    readonly commitLsn: Lsn,
    /** The message that ends it. */
    readonly end: 'Commit' | 'Prepare' = 'Commit',
    /** The ID of a prepared transaction, which stays in progress. */
    readonly openXid?: number,
  ) {}

  /** Returns the position of the next change. */
  nextPosition(): CommittedPosition {
    this.ordinal++;
    return this;
  }
}

/** A transaction that is streamed in blocks. */
export class OpenStreamedTransaction implements StreamedPosition {
  readonly commitLsn = undefined;
  readonly ordinal = undefined;

  constructor(
    readonly topXid: number,
    /** The tables as described in this transaction. */
    readonly relations: RelationCache,
    /** The subtransaction of the current message. */
    public xid = topXid,
  ) {}

  nextPosition(): StreamedPosition {
    return this;
  }
}

/** The state of the stream on which the meaning of a message depends. */
export class DecoderState {
  /** The name of the current message, for errors. */
  what = '';
  /** The unsent columns of the last row: unchanged and stored out of line (TOAST). */
  unchanged: readonly string[] = [];
  /** The transaction of the current message. */
  current: OpenTransaction | OpenStreamedTransaction | undefined;
  /** The tables for the current message. */
  relations: RelationCache;
  /** Set while the current message is read again, because a value could not be decoded. */
  guard: ValueGuard | undefined;
  /** The streamed transactions that have not ended, by xid. */
  readonly streams = new Map<number, OpenStreamedTransaction>();
  readonly #committed: RelationCache;

  constructor(relations: RelationCache) {
    this.relations = relations;
    this.#committed = relations;
  }

  /** The ID of the current transaction if it is streamed or prepared, so not known to be committed. */
  get openXid(): number | undefined {
    const { current } = this;
    return current instanceof OpenStreamedTransaction ? current.topXid : current?.openXid;
  }

  /** @throws {ProtocolError} when the current message is outside a transaction */
  requireTransaction(): OpenTransaction | OpenStreamedTransaction {
    if (this.current === undefined)
      throw this.createViolation('it came outside a transaction; expected Begin before it');
    return this.current;
  }

  /** Returns the transaction that the current message ends. @throws {ProtocolError} when it ends differently */
  requireTransactionEndingWith(end: OpenTransaction['end']): OpenTransaction {
    const current = this.requireTransaction();
    if (current instanceof OpenStreamedTransaction) {
      throw this.createViolation(`expected Stream Stop of transaction ${current.topXid} before it`);
    }
    if (current.end !== end) {
      throw this.createViolation(`expected the ${current.end} of the transaction at ${formatLsn(current.commitLsn)}`);
    }
    return current;
  }

  /** @throws {ProtocolError} when the current message is inside a transaction or block */
  assertNoTransaction(): void {
    const { current } = this;
    if (current instanceof OpenStreamedTransaction) {
      throw this.createViolation(`expected Stream Stop of transaction ${current.topXid} before it`);
    }
    if (current)
      throw this.createViolation(`expected the end of the transaction at ${formatLsn(current.commitLsn)} before it`);
  }

  /** Starts a block. */
  enterBlock(xid: number, first: boolean): void {
    this.assertNoTransaction();
    const known = this.streams.get(xid);
    if (first === (known !== undefined)) {
      throw this.createViolation(`expected a block of transaction ${xid} that is${first ? ' not' : ''} its first`);
    }
    const stream = known ?? new OpenStreamedTransaction(xid, this.#committed.createOverlay());
    this.streams.set(xid, stream);
    this.current = stream;
    this.relations = stream.relations;
  }

  /** Ends the block. */
  leaveBlock(): OpenStreamedTransaction {
    const { current } = this;
    if (!(current instanceof OpenStreamedTransaction)) throw this.createViolation('expected Stream Start before it');
    this.current = undefined;
    current.relations.releaseLastTable();
    this.relations = this.#committed;
    return current;
  }

  /**
   * Ends a streamed transaction. Its table descriptions apply to other transactions only if it commits.
   *
   * @throws {NewTypesError} before it changes the state
   */
  endStreamed(xid: number, committed: boolean): void {
    this.assertNoTransaction();
    const stream = this.streams.get(xid);
    if (!stream) throw this.createViolation(`expected a Stream Start of transaction ${xid} before it`);
    stream.relations.assertExpectedTables();
    if (committed) stream.relations.assertKnownTypes(xid);
    this.streams.delete(xid);
    if (committed) this.#committed.merge(stream.relations);
  }

  /** Reads an OID, and returns its table. */
  readRelation(reader: Reader): CompiledRelation {
    return this.getRelation(reader.u32());
  }

  getRelation(oid: number): CompiledRelation {
    const relation = this.relations.get(oid);
    if (relation === undefined) throw this.#createUnknownError(oid);
    return this.guard === undefined ? relation : this.guard.guardRelation(relation);
  }

  #createUnknownError(oid: number): Error {
    if (!this.relations.hasEvicted) return this.createViolation(`expected the Relation with OID ${oid} before it`);
    const what = `${this.what}: the description of the table with OID ${oid} was evicted, because there are too many tables`;
    return new ReplicationError('RELATION_FORGOTTEN', what);
  }

  /** Creates an error about the last byte read. */
  createByteError(reader: Reader, byte: number, expected: string): ProtocolError {
    return this.createViolation(`expected ${expected} at byte ${reader.offset - 1}, found ${formatTag(byte)}`);
  }

  /** Reads the flags, which must be 0. */
  assertNoFlags(reader: Reader): void {
    const flags = reader.u8();
    if (flags !== 0) throw this.createByteError(reader, flags, 'flags of 0');
  }

  createViolation(problem: string): ProtocolError {
    return new ProtocolError(`${this.what}: ${problem}`);
  }
}
