import { Observable, type MonoTypeOperatorFunction } from 'rxjs';
import { Delivery } from '../ledger/acknowledgement';
import { toLsn, type Lsn } from '../common/lsn';
import { getEndLsn, getTransactionLsn, isInTransaction } from '../pgoutput/messages/message-facts';
import type { AnyReplicationMessage } from '../pgoutput/messages/messages';
import { subscribeUntilClosed } from './subscribe-until-closed';

const PAGE = 0x2000n;
const SEGMENT_AT_LEAST = 0x10_0000n;
/** The header of a WAL page, and the longer one of a segment's first page. */
const HEADER = 24n;
const LONG_HEADER = 40n;

type Kind = AnyReplicationMessage['kind'];

/**
 * These do not say where their record starts. The end may be in its middle: to confirm that would be to skip it, as the
 * server goes by the start.
 */
const STARTLESS: ReadonlySet<Kind> = new Set<Kind>(['message', 'rollbackPrepared']);

/** Right after a segment switch the server's insert position lies behind a page header, where no record ends. */
function withoutPageHeader(lsn: Lsn): Lsn {
  const offset = lsn % PAGE;
  const page = lsn - offset;
  return offset <= (page % SEGMENT_AT_LEAST === 0n ? LONG_HEADER : HEADER) ? page : lsn;
}

/**
 * Completes at a position of the WAL, at a transaction's boundary: what commits before `lsn` is delivered, what commits
 * at or after it is not, and is not confirmed. So the ranges [A, B) and [B, C) together have every transaction once. An
 * idle publication is no obstacle: the server's keepalives tell that the position has been passed.
 *
 * The connection stays until everything delivered has been acknowledged.
 *
 * Stands on the flat stream, before `transactions()` and `ofTable()`.
 *
 * @param lsn a position as `pg_current_wal_insert_lsn()` gives it
 * @throws {ConfigError} `CONFIG_INVALID` when it is no LSN
 * @example
 * logicalReplication(config).pipe(stopAtLsn('0/1A2B3C8'), transactions(), ackAfter(apply)).subscribe();
 */
export function stopAtLsn<M extends AnyReplicationMessage>(lsn: Lsn | string): MonoTypeOperatorFunction<M> {
  const end = withoutPageHeader(toLsn('stopAtLsn', lsn));
  return (source) =>
    new Observable((subscriber) => {
      // There, no keepalive tells that all before it has come.
      let inTransaction = false;

      /** Whether nothing before the end can follow this message. */
      const isLast = (message: AnyReplicationMessage): boolean =>
        message.kind === 'keepalive' ? !inTransaction && message.walEnd >= end : (getEndLsn(message) ?? 0n) >= end;

      subscribeUntilClosed(source, subscriber, {
        next: (message) => {
          const handle = Delivery.getHandle(message);
          // The store must not get beyond the end either.
          const isFar = message.kind === 'keepalive' && message.walEnd > end && handle?.isProgress && !inTransaction;
          if (isBeyond(message, end) || isFar) {
            if (handle) handle.session.stops.stopBefore(handle, STARTLESS.has(message.kind) ? undefined : end);
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

/** Whether this message is already past the end. A streamed change is not: what counts is where its transaction commits. */
function isBeyond(message: AnyReplicationMessage, end: Lsn): boolean {
  if (message.kind === 'message' && !message.transactional) return message.lsn > end;
  if (message.kind === 'rollbackPrepared') return message.endLsn > end;
  return (getTransactionLsn(message) ?? 0n) >= end;
}
