import { ProtocolError, ReplicationError } from '../../common/errors';
import { formatLsn, type Lsn } from '../../common/lsn';
import { formatTag } from '../../wire/frames';
import type { Reader } from '../../wire/reader';
import type { CommittedPosition, StreamedPosition } from '../messages/change-messages';
import type { AnyPgoutputMessage } from '../messages/messages';
import type { CompiledRelation } from '../messages/described-table';
import type { RelationCache } from './relations';
import type { ValueGuard } from '../values/value-guard';

/** One kind of message. Source: PostgreSQL manual, "Logical Replication Message Formats". */
export interface MessageFormat {
  /** The manual's name for it, as in 'Insert message'. */
  readonly name: string;
  /** Whether an xid stands behind its tag while a block is streamed. */
  readonly hasXid?: boolean;
  /** Whether values of rows are in it. */
  readonly hasValues?: boolean;
  /** Reads all that follows, and does to the state what the message means. */
  readonly decode: (reader: Reader, state: DecoderState) => AnyPgoutputMessage;
}

/** A transaction that comes in one piece, to Commit or to Prepare. */
export class OpenTransaction implements CommittedPosition {
  readonly xid = undefined;
  ordinal = -1;

  constructor(
    readonly commitLsn: Lsn,
    /** The message that ends it. */
    readonly end: 'Commit' | 'Prepare' = 'Commit',
    /** Of one that is prepared: it stays open. */
    readonly openXid?: number,
  ) {}

  /** The place of the next change. */
  place(): CommittedPosition {
    this.ordinal++;
    return this;
  }
}

/** A transaction that comes in blocks. */
export class StreamedTransaction implements StreamedPosition {
  readonly commitLsn = undefined;
  readonly ordinal = undefined;

  constructor(
    readonly topXid: number,
    /** The tables as this transaction sees them. */
    readonly relations: RelationCache,
    /** Of the message at hand. */
    public xid = topXid,
  ) {}

  place(): StreamedPosition {
    return this;
  }
}

/** What the meaning of a message depends on besides its own bytes. */
export class DecoderState {
  /** The message at hand, as errors name it. */
  what = '';
  /** The columns that the row read last lacks: stored out of line (TOAST), unchanged, and so not sent. */
  unchanged: readonly string[] = [];
  /** What the message at hand belongs to: a whole transaction, or a block of one. */
  current: OpenTransaction | StreamedTransaction | undefined;
  /** The tables as the message at hand sees them. */
  relations: RelationCache;
  /** While the message at hand is read for the second time, as a value in it could not be decoded. */
  guard: ValueGuard | undefined;
  /** By xid: the transactions of which blocks have come, and no end. */
  readonly streams = new Map<number, StreamedTransaction>();
  readonly #committed: RelationCache;

  constructor(relations: RelationCache) {
    this.relations = relations;
    this.#committed = relations;
  }

  /** The transaction that the message at hand belongs to, where it is not known to be committed. */
  get openXid(): number | undefined {
    const { current } = this;
    return current instanceof StreamedTransaction ? current.topXid : current?.openXid;
  }

  /** What the change at hand belongs to. */
  currentTransaction(): OpenTransaction | StreamedTransaction {
    if (this.current === undefined) throw this.violation('it came outside a transaction; expected Begin before it');
    return this.current;
  }

  /** The transaction, in one piece, that the message at hand ends. */
  transaction(end: OpenTransaction['end']): OpenTransaction {
    const current = this.currentTransaction();
    if (current instanceof StreamedTransaction) {
      throw this.violation(`expected Stream Stop of transaction ${current.topXid} before it`);
    }
    if (current.end !== end) {
      throw this.violation(`expected the ${current.end} of the transaction at ${formatLsn(current.commitLsn)}`);
    }
    return current;
  }

  /** The message at hand stands outside all transactions and blocks. */
  assertNoTransaction(): void {
    const { current } = this;
    if (current instanceof StreamedTransaction) {
      throw this.violation(`expected Stream Stop of transaction ${current.topXid} before it`);
    }
    if (current)
      throw this.violation(`expected the end of the transaction at ${formatLsn(current.commitLsn)} before it`);
  }

  /** A block starts. */
  enter(xid: number, first: boolean): void {
    this.assertNoTransaction();
    const known = this.streams.get(xid);
    if (first === (known !== undefined)) {
      throw this.violation(`expected a block of transaction ${xid} that is${first ? ' not' : ''} its first`);
    }
    const stream = known ?? new StreamedTransaction(xid, this.#committed.overlay());
    this.streams.set(xid, stream);
    this.current = stream;
    this.relations = stream.relations;
  }

  /** The block ends. */
  leave(): StreamedTransaction {
    const { current } = this;
    if (!(current instanceof StreamedTransaction)) throw this.violation('expected Stream Start before it');
    this.current = undefined;
    current.relations.rest();
    this.relations = this.#committed;
    return current;
  }

  /**
   * A transaction that came in blocks ends. What it said of tables holds for others only once it is committed.
   *
   * @throws {NewTypesError} before it changes anything
   */
  finish(xid: number, committed: boolean): void {
    this.assertNoTransaction();
    const stream = this.streams.get(xid);
    if (!stream) throw this.violation(`expected a Stream Start of transaction ${xid} before it`);
    stream.relations.expectFit();
    if (committed) stream.relations.expectTypes(xid);
    this.streams.delete(xid);
    if (committed) this.#committed.merge(stream.relations);
  }

  /** The table that the message at hand is about; reads its OID. */
  relation(reader: Reader): CompiledRelation {
    const oid = reader.u32();
    const relation = this.relations.get(oid);
    if (relation === undefined) throw this.#unknown(oid);
    return this.guard === undefined ? relation : this.guard.relation(relation);
  }

  #unknown(oid: number): Error {
    if (!this.relations.hasForgotten) return this.violation(`expected the Relation with OID ${oid} before it`);
    const what = `${this.what}: the description of the table with OID ${oid} was forgotten, as there have been too many`;
    return new ReplicationError('RELATION_FORGOTTEN', what);
  }

  /** An error about the byte just read. */
  unexpected(reader: Reader, byte: number, expected: string): ProtocolError {
    return this.violation(`expected ${expected} at byte ${reader.offset - 1}, found ${formatTag(byte)}`);
  }

  /** Flags that are not in use. */
  noFlags(reader: Reader): void {
    const flags = reader.u8();
    if (flags !== 0) throw this.unexpected(reader, flags, 'flags of 0');
  }

  violation(problem: string): ProtocolError {
    return new ProtocolError(`${this.what}: ${problem}`);
  }
}
