import type { Lsn } from '../../common/lsn';
import type { Acknowledgeable, SessionControl } from '../../ledger/acknowledgement';
import { Message } from '../../pgoutput/messages/message';
import type { Change, TwoPhaseMessage } from '../../pgoutput/messages/messages';
import type { StreamCommitMessage } from '../../pgoutput/messages/stream-messages';
import type { BeginMessage, CommitMessage } from '../../pgoutput/messages/transaction-messages';
import type { PreparedTransaction, Transaction } from '../transactions/transaction';
import { getSession, isStreamed } from './ack-target';
import type { DeliveryKey } from './delivery-key-set';

/** What a delivery and its redelivery by a later session have in common. */
export interface DeliveryIdentity {
  readonly session: SessionControl;
  readonly lsn: Lsn;
  readonly key: DeliveryKey;
}

/**
 * Identifies a slot of a cluster; the same for all sessions of that stream. The LSNs of different streams, which may be
 * merged, cannot be compared.
 */
export function getStreamName({ source }: SessionControl): string {
  return `${source.slot} ${source.systemId}`;
}

/** @returns undefined when the item cannot be matched after a redelivery */
export function identify(item: Acknowledgeable): DeliveryIdentity | undefined {
  const session = getSession(item);
  return session?.redelivers && isIdentifiable(item)
    ? { session, lsn: getIdentityLsn(item), key: getDeliveryKey(item) }
    : undefined;
}

export type Identifiable =
  Transaction | PreparedTransaction | BeginMessage | CommitMessage | StreamCommitMessage | TwoPhaseMessage | Change;

/** Without `progress`: the server does not send a keepalive again. */
const IDENTIFIABLE_KINDS: ReadonlySet<string> = new Set<Identifiable['kind']>([
  'transaction',
  'preparedTransaction',
  'begin',
  'commit',
  'streamCommit',
  'beginPrepare',
  'prepare',
  'streamPrepare',
  'commitPrepared',
  'rollbackPrepared',
  'insert',
  'update',
  'delete',
  'truncate',
  'message',
]);

/**
 * Whether the item can be recognized when it is delivered again. Data of other plugins, messages that each stream sends again,
 * changes streamed before their commit position is known, and values that a `map` returned cannot.
 */
export function isIdentifiable(item: Acknowledgeable): item is Identifiable {
  return item instanceof Message && IDENTIFIABLE_KINDS.has(item.kind) && !isStreamed(item);
}

/** Returns the LSN at which the transaction commits or is prepared. A delivery that ends before the confirmed LSN is not repeated. */
export function getIdentityLsn(item: Identifiable): Lsn {
  switch (item.kind) {
    case 'message':
      return item.commitLsn ?? item.lsn;
    case 'preparedTransaction':
    case 'beginPrepare':
    case 'prepare':
    case 'streamPrepare':
      return item.prepareLsn;
    case 'rollbackPrepared':
      // The message does not contain the start of its record; whatever is delivered again ends after the confirmed position.
      return item.endLsn;
    default:
      return item.commitLsn;
  }
}

export function getDeliveryKey(item: Identifiable): DeliveryKey {
  switch (item.kind) {
    case 'transaction':
    case 'progress':
      // Another timeline may have another transaction at the same LSN.
      return `${item.xid} ${item.commitTime.getTime()}`;
    case 'begin':
    case 'commit':
    case 'streamCommit':
      return `${item.kind} ${item.commitTime.getTime()}`;
    case 'preparedTransaction':
    case 'beginPrepare':
    case 'prepare':
    case 'streamPrepare':
    case 'commitPrepared':
    case 'rollbackPrepared':
      return `${item.kind} ${item.xid} ${item.gid}`;
    default:
      return item.ordinal ?? 'message';
  }
}
