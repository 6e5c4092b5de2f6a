import { formatLsn } from '../lsn';
import { readPgTimestamp } from '../wire/stream';
import { LogicalMessage } from './change-messages';
import { BeginMessage, CommitMessage, OriginMessage } from './transaction-messages';
import type { MessageFormat } from './state';

const TRANSACTIONAL = 1;

export const begin: MessageFormat = {
  name: 'Begin message',
  decode(reader, state) {
    if (state.open !== undefined) {
      throw state.violation(`expected the Commit at ${formatLsn(state.open.commitLsn)} before another transaction`);
    }
    const message = new BeginMessage(reader.u64(), readPgTimestamp(reader), reader.u32());
    state.open = { commitLsn: message.commitLsn, ordinal: 0 };
    return message;
  },
};

export const commit: MessageFormat = {
  name: 'Commit message',
  decode(reader, state) {
    const { commitLsn } = state.transaction();
    const flags = reader.u8();
    if (flags !== 0) throw state.unexpected(reader, flags, 'flags of 0');
    const message = new CommitMessage(reader.u64(), reader.u64(), readPgTimestamp(reader));
    if (message.commitLsn !== commitLsn) {
      throw state.violation(
        `expected the commit LSN ${formatLsn(commitLsn)} that Begin had, found ${formatLsn(message.commitLsn)}`,
      );
    }
    state.open = undefined;
    return message;
  },
};

export const origin: MessageFormat = {
  name: 'Origin message',
  decode(reader, state) {
    state.transaction();
    const originLsn = reader.u64();
    return new OriginMessage(reader.cstring(), originLsn);
  },
};

/** What pg_logical_emit_message wrote: in a transaction it is one of its changes, otherwise it comes at any time. */
export const logicalMessage: MessageFormat = {
  name: 'Message message',
  decode(reader, state) {
    const transactional = (reader.u8() & TRANSACTIONAL) !== 0;
    const transaction = transactional ? state.transaction() : undefined;
    const lsn = reader.u64();
    const prefix = reader.cstring();
    const content = reader.bytes(reader.u32());
    const ordinal = transaction === undefined ? undefined : transaction.ordinal++;
    return new LogicalMessage(transactional, lsn, prefix, content, transaction?.commitLsn, ordinal);
  },
};
