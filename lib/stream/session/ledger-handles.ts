import type { AckHandle } from '../../ledger/acknowledgement';
import type { AnyPgoutputMessage } from '../../pgoutput/messages/messages';
import type { XLogDataMessage } from '../../pgoutput/messages/walsender-messages';
import type { Ledger } from '../../ledger/ledger';

/**
 * The memory of a message besides the bytes of its payload: the message, its row, its handle in the ledger, and the overhead of its
 * values. Measured on rows of five columns.
 */
const MESSAGE_OVERHEAD = 320;

/**
 * Opens the ledger's handle for a message. This decides what a message means for confirmation.
 *
 * @param size the payload's bytes
 */
export function openHandle(ledger: Ledger, message: AnyPgoutputMessage | XLogDataMessage, size: number): AckHandle {
  const bytes = size + MESSAGE_OVERHEAD;
  switch (message.kind) {
    case 'insert':
    case 'update':
    case 'delete':
    case 'truncate':
      return ledger.change(bytes, ledger.inBlock ? message.xid : undefined);
    case 'begin':
      return ledger.begin(message.commitLsn, message.xid);
    case 'commit':
      return ledger.commit(message.endLsn, bytes);
    case 'message':
      // Outside a transaction it is confirmed by itself, at the end of its own record.
      return message.transactional
        ? ledger.change(bytes, ledger.inBlock ? message.xid : undefined)
        : ledger.openStandaloneUnit(message.lsn, bytes);
    case 'streamStart':
      return ledger.enterBlock(message.xid);
    case 'streamStop':
      return ledger.leaveBlock();
    case 'streamCommit':
      return ledger.commitStream(message.xid, message.endLsn, bytes);
    case 'streamPrepare':
      return ledger.prepareStream(message.xid, message.endLsn, bytes);
    case 'streamAbort':
      return ledger.abortStream(message.xid, message.subxid);
    case 'beginPrepare':
      return ledger.begin(message.prepareLsn, message.xid);
    case 'prepare':
      return ledger.prepare(message.xid, message.endLsn, bytes);
    case 'commitPrepared':
    case 'rollbackPrepared':
      return ledger.endPrepared(message.xid, message.endLsn, bytes);
    case 'xlogData':
      return ledger.openStandaloneUnit(message.dataStart, bytes);
    case 'relation':
    case 'type':
    case 'origin':
      return ledger.settledHandle;
  }
}
