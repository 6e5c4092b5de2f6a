import { ProtocolError } from '../errors';
import type { Lsn } from '../lsn';
import { printable } from '../wire/frames';
import type { Reader } from '../wire/reader';
import type { PgoutputMessage } from './messages';
import type { CompiledRelation, RelationCache } from './relations';

/** One kind of message. Source: PostgreSQL manual, "Logical Replication Message Formats". */
export interface MessageFormat {
  /** The manual's name for it, as in 'Insert message'. */
  readonly name: string;
  /** Reads all that follows the tag, and does to the state what the message means. */
  readonly decode: (reader: Reader, state: DecoderState) => PgoutputMessage;
}

/** The transaction between Begin and Commit. */
export interface OpenTransaction {
  readonly commitLsn: Lsn;
  /** The ordinal of the next change. */
  ordinal: number;
}

/** What the meaning of a message depends on besides its own bytes. */
export class DecoderState {
  /** The message at hand, as errors name it. */
  what = '';
  open: OpenTransaction | undefined;

  constructor(readonly relations: RelationCache) {}

  /** The transaction that the message at hand belongs to. */
  transaction(): OpenTransaction {
    if (this.open === undefined) throw this.violation('it came outside a transaction; expected Begin before it');
    return this.open;
  }

  /** The table that the message at hand is about; reads its OID. */
  relation(reader: Reader): CompiledRelation {
    const oid = reader.u32();
    const relation = this.relations.get(oid);
    if (relation === undefined) throw this.violation(`expected the Relation with OID ${oid} before it`);
    return relation;
  }

  /** An error about the byte just read. */
  unexpected(reader: Reader, byte: number, expected: string): ProtocolError {
    return this.violation(`expected ${expected} at byte ${reader.offset - 1}, found ${printable(byte)}`);
  }

  violation(problem: string): ProtocolError {
    return new ProtocolError(`${this.what}: ${problem}`);
  }
}
