import type { AnyPgoutputMessage } from '../../pgoutput/messages/messages';
import type { XLogDataMessage } from '../../pgoutput/messages/walsender-messages';
import type { Ledger } from '../../ledger/ledger';

/**
 * The memory of a message besides the bytes of its payload: the message, its row, its handle in the ledger, and the overhead of its
 * values. Measured on rows of five columns.
 */
export const MESSAGE_OVERHEAD = 320;

/**
 * Attaches the ledger's handle to a message. This decides what a message means for confirmation.
 *
 * @param size the payload's bytes
 */
export function attachHandle(ledger: Ledger, message: AnyPgoutputMessage | XLogDataMessage, size: number): void {
  const bytes = size + MESSAGE_OVERHEAD;
  switch (message.kind) {
    case 'insert':
    case 'update':
    case 'delete':
    case 'truncate':
      ledger.change(message, bytes, ledger.inBlock ? message.xid : undefined);
      break;
    case 'begin':
      ledger.begin(message, message.commitLsn, message.xid);
      break;
    case 'commit':
      ledger.commit(message, message.endLsn, bytes);
      break;
    case 'message':
      // Outside a transaction it is confirmed by itself, at the end of its own record.
      if (message.transactional) ledger.change(message, bytes, ledger.inBlock ? message.xid : undefined);
      else ledger.openStandaloneUnit(message, message.lsn, bytes);
      break;
    case 'streamStart':
      ledger.enterBlock(message, message.xid);
      break;
    case 'streamStop':
      ledger.leaveBlock(message);
      break;
    case 'streamCommit':
      ledger.commitStream(message, message.xid, message.endLsn, bytes);
      break;
    case 'streamPrepare':
      ledger.prepareStream(message, message.xid, message.endLsn, bytes);
      break;
    case 'streamAbort':
      ledger.abortStream(message, message.xid, message.subxid);
      break;
    case 'beginPrepare':
      ledger.begin(message, message.prepareLsn, message.xid);
      break;
    case 'prepare':
      ledger.prepare(message, message.xid, message.endLsn, bytes);
      break;
    case 'commitPrepared':
    case 'rollbackPrepared':
      ledger.endPrepared(message, message.xid, message.endLsn, bytes);
      break;
    case 'xlogData':
      ledger.openStandaloneUnit(message, message.dataStart, bytes);
      break;
    case 'relation':
    case 'type':
    case 'origin':
      ledger.attachSettled(message);
      break;
    default:
      message satisfies never;
  }
}
