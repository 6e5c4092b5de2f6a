import { readPgTimestamp } from '../../wire/replication-messages';
import { type MessageFormat, OpenTransaction } from './state';
import { endTransaction } from './transaction-formats';
import {
  BeginPrepareMessage,
  CommitPreparedMessage,
  PrepareMessage,
  RollbackPreparedMessage,
} from '../messages/two-phase-messages';

export const beginPrepareFormat: MessageFormat = {
  name: 'Begin Prepare message',
  decode(reader, state) {
    state.assertNoTransaction();
    const prepareLsn = reader.u64();
    const endLsn = reader.u64();
    const prepareTime = readPgTimestamp(reader);
    const xid = reader.u32();
    state.current = new OpenTransaction(prepareLsn, 'Prepare', xid);
    return new BeginPrepareMessage(reader.cstring(), xid, prepareLsn, endLsn, prepareTime);
  },
};

export const prepareFormat: MessageFormat = {
  name: 'Prepare message',
  decode(reader, state) {
    const transaction = state.requireTransactionEndingWith('Prepare');
    state.assertNoFlags(reader);
    const prepareLsn = reader.u64();
    const endLsn = reader.u64();
    const prepareTime = readPgTimestamp(reader);
    const xid = reader.u32();
    endTransaction(state, transaction, prepareLsn);
    return new PrepareMessage(reader.cstring(), xid, prepareLsn, endLsn, prepareTime);
  },
};

export const commitPreparedFormat: MessageFormat = {
  name: 'Commit Prepared message',
  decode(reader, state) {
    state.assertNoTransaction();
    state.assertNoFlags(reader);
    const commitLsn = reader.u64();
    const endLsn = reader.u64();
    const commitTime = readPgTimestamp(reader);
    const xid = reader.u32();
    state.relations.assertKnownTypes(xid);
    return new CommitPreparedMessage(reader.cstring(), xid, commitLsn, endLsn, commitTime);
  },
};

export const rollbackPreparedFormat: MessageFormat = {
  name: 'Rollback Prepared message',
  decode(reader, state) {
    state.assertNoTransaction();
    state.assertNoFlags(reader);
    const prepareEndLsn = reader.u64();
    const endLsn = reader.u64();
    const prepareTime = readPgTimestamp(reader);
    const rollbackTime = readPgTimestamp(reader);
    const xid = reader.u32();
    state.relations.forgetTypes(xid);
    return new RollbackPreparedMessage(reader.cstring(), xid, prepareEndLsn, endLsn, prepareTime, rollbackTime);
  },
};
