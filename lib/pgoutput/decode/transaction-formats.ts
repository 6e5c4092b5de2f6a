import { formatLsn, type Lsn } from '../../common/lsn';
import { readPgTimestamp } from '../../wire/replication-messages';
import { LogicalMessage } from '../messages/change-messages';
import { type DecoderState, type MessageFormat, OpenTransaction } from './state';
import { BeginMessage, CommitMessage, OriginMessage } from '../messages/transaction-messages';

const TRANSACTIONAL = 1;

export const beginFormat: MessageFormat = {
  name: 'Begin message',
  decode(reader, state) {
    state.assertNoTransaction();
    const message = new BeginMessage(reader.u64(), readPgTimestamp(reader), reader.u32());
    state.current = new OpenTransaction(message.commitLsn);
    return message;
  },
};

export const commitFormat: MessageFormat = {
  name: 'Commit message',
  decode(reader, state) {
    const transaction = state.requireTransactionEndingWith('Commit');
    state.assertNoFlags(reader);
    const message = new CommitMessage(reader.u64(), reader.u64(), readPgTimestamp(reader));
    endTransaction(state, transaction, message.commitLsn);
    return message;
  },
};

/** Ends the current transaction. @throws {ProtocolError} when its LSN differs from that of the end message */
export function endTransaction(state: DecoderState, { commitLsn }: OpenTransaction, found: Lsn): void {
  if (found !== commitLsn) {
    throw state.createViolation(
      `expected the LSN ${formatLsn(commitLsn)} that the transaction began with, found ${formatLsn(found)}`,
    );
  }
  state.current = undefined;
}

export const originFormat: MessageFormat = {
  name: 'Origin message',
  decode(reader, state) {
    state.requireTransaction();
    const originLsn = reader.u64();
    return new OriginMessage(reader.cstring(), originLsn);
  },
};

/** A message of `pg_logical_emit_message`: a part of its transaction, or, if not transactional, at any point of the stream. */
export const logicalMessageFormat: MessageFormat = {
  name: 'Message message',
  hasXid: true,
  decode(reader, state) {
    const transactional = (reader.u8() & TRANSACTIONAL) !== 0;
    const transaction = transactional ? state.requireTransaction() : undefined;
    const lsn = reader.u64();
    const prefix = reader.cstring();
    const content = reader.bytes(reader.u32());
    return new LogicalMessage(transactional, lsn, prefix, content, transaction?.nextPosition());
  },
};
