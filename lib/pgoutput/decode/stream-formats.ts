import { readPgTimestamp } from '../../wire/replication-messages';
import type { MessageFormat } from './state';
import {
  StreamAbortMessage,
  StreamCommitMessage,
  StreamStartMessage,
  StreamStopMessage,
} from '../messages/stream-messages';
import { StreamPrepareMessage } from '../messages/two-phase-messages';

export const streamStartFormat: MessageFormat = {
  name: 'Stream Start message',
  decode(reader, state) {
    const message = new StreamStartMessage(reader.u32(), reader.u8() === 1);
    state.enterBlock(message.xid, message.first);
    return message;
  },
};

export const streamStopFormat: MessageFormat = {
  name: 'Stream Stop message',
  decode(_reader, state) {
    return new StreamStopMessage(state.leaveBlock().topXid);
  },
};

export const streamCommitFormat: MessageFormat = {
  name: 'Stream Commit message',
  decode(reader, state) {
    const xid = reader.u32();
    state.assertNoFlags(reader);
    state.endStreamed(xid, true);
    return new StreamCommitMessage(xid, reader.u64(), reader.u64(), readPgTimestamp(reader));
  },
};

/** The server can also send it for a subtransaction without streamed changes. */
export const streamAbortFormat: MessageFormat = {
  name: 'Stream Abort message',
  decode(reader, state) {
    state.assertNoTransaction();
    const xid = reader.u32();
    const subxid = reader.u32();
    if (xid === subxid) {
      state.streams.delete(xid);
      state.relations.forgetTypes(xid);
    }
    // The server sends the LSN and time only with `streaming: 'parallel'`.
    if (reader.remaining === 0) return new StreamAbortMessage(xid, subxid, undefined, undefined);
    return new StreamAbortMessage(xid, subxid, reader.u64(), readPgTimestamp(reader));
  },
};

export const streamPrepareFormat: MessageFormat = {
  name: 'Stream Prepare message',
  decode(reader, state) {
    state.assertNoFlags(reader);
    const prepareLsn = reader.u64();
    const endLsn = reader.u64();
    const prepareTime = readPgTimestamp(reader);
    const xid = reader.u32();
    // As after an abort, the server describes the tables again (pgoutput_stream_prepare_txn).
    state.endStreamed(xid, false);
    return new StreamPrepareMessage(reader.cstring(), xid, prepareLsn, endLsn, prepareTime);
  },
};
