import { Observable, type MonoTypeOperatorFunction } from 'rxjs';
import { Delivery } from '../ledger/acknowledgement';
import { toLsn, type Lsn } from '../common/lsn';
import { getEndLsn, getTransactionLsn, isInTransaction, isPgoutputMessage } from '../pgoutput/messages/message-facts';
import type { CopyMessage } from '../pgoutput/messages/copy-messages';
import type { AnyReplicationMessage } from '../pgoutput/messages/messages';
import { createNotAMessageError } from './not-a-message';
import { subscribeUntilClosed } from './subscribe-until-closed';

const PAGE = 0x2000n;
const MIN_SEGMENT = 0x10_0000n;
/** The sizes of the WAL page header, and of the long header on the first page of a segment, in bytes. */
const HEADER = 24n;
const LONG_HEADER = 40n;

/**
 * Messages that do not contain the start of their record. `end` can be inside the record: confirming `end` would skip the
 * record, because the server compares the start.
 */
const WITHOUT_START_LSN: ReadonlySet<string> = new Set(['message', 'rollbackPrepared']);

/** After a segment switch the insert position is right after a page header, where no record ends. */
function skipPageHeader(lsn: Lsn): Lsn {
  const offset = lsn % PAGE;
  const page = lsn - offset;
  return offset <= (page % MIN_SEGMENT === 0n ? LONG_HEADER : HEADER) ? page : lsn;
}

/**
 * Completes at a WAL position, at a transaction boundary. Transactions that commit before `lsn` are delivered; those that
 * commit at or after it are neither delivered nor confirmed. So the ranges [A, B) and [B, C) contain every transaction exactly
 * once. On an idle publication, the server's keepalives show that the position is reached.
 *
 * The connection stays open until everything delivered is acknowledged.
 *
 * Position in the pipe: on the message stream, before `transactions()` and `ofTable()`.
 *
 * @param lsn a WAL position, such as the result of `pg_current_wal_insert_lsn()`
 * @throws {ConfigError} `CONFIG_INVALID` when `lsn` is not an LSN; through the observable when it receives anything but
 * messages of pgoutput
 * @example
 * logicalReplication(config).pipe(stopAtLsn('0/1A2B3C8'), transactions(), ackAfter(apply)).subscribe();
 */
export function stopAtLsn<M extends AnyReplicationMessage | CopyMessage>(
  lsn: Lsn | string,
): MonoTypeOperatorFunction<M> {
  const end = skipPageHeader(toLsn('stopAtLsn', lsn));
  return (source) =>
    new Observable((subscriber) => {
      // A keepalive inside a transaction does not mean that everything before `walEnd` was delivered.
      let inTransaction = false;

      /** Whether no message before `end` can follow this one. */
      const isLast = (message: AnyReplicationMessage | CopyMessage): boolean =>
        message.kind === 'keepalive' ? !inTransaction && message.walEnd >= end : (getEndLsn(message) ?? 0n) >= end;

      subscribeUntilClosed(source, subscriber, {
        next: (message) => {
          if (!isPgoutputMessage(message))
            throw createNotAMessageError('stopAtLsn', message, 'use it before transactions() and ofTable()');
          const handle = Delivery.getHandle(message);
          // The stored checkpoint must not pass `end` either.
          const isFar = message.kind === 'keepalive' && message.walEnd > end && handle?.isProgress && !inTransaction;
          if (isBeyond(message, end) || isFar) {
            if (handle) handle.session.stops.stopBefore(handle, WITHOUT_START_LSN.has(message.kind) ? undefined : end);
            else subscriber.complete();
            return;
          }
          inTransaction = isInTransaction(message, inTransaction);
          subscriber.next(message);
          if (!isLast(message)) return;
          if (handle) handle.session.stops.stopAfter(handle, end);
          else subscriber.complete();
        },
      });
    });
}

/** Whether the message is past `end`. A streamed change never is: the commit of its transaction decides. */
function isBeyond(message: AnyReplicationMessage | CopyMessage, end: Lsn): boolean {
  if (message.kind === 'message' && !message.transactional) return message.lsn > end;
  if (message.kind === 'rollbackPrepared') return message.endLsn > end;
  return (getTransactionLsn(message) ?? 0n) >= end;
}
