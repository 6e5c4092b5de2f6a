import { formatLsn, type Lsn } from '../common/lsn';

/** An action of a client that would lose data, or harm a real server. LSNs have the form `X/Y`. */
export type Violation = Readonly<{ connection: number; message: string } & ViolationDetails>;

/** A violation without its connection and message. */
export type ViolationDetails = Readonly<
  | { kind: 'flushBeyondSent'; flushed: string; sent: string }
  | { kind: 'flushWentBack'; flushed: string; confirmed: string }
  | { kind: 'flushInsideTransaction'; flushed: string; commitLsn: string; endLsn: string | undefined }
  | { kind: 'replyStorm'; updates: number; ms: number }
  | { kind: 'silence'; ms: number; walSenderTimeout: number }
  | { kind: 'unexpectedMessage'; what: string }
>;

export function buildFlushBeyondSent(flushed: Lsn, sent: Lsn): ViolationDetails {
  return { kind: 'flushBeyondSent', flushed: formatLsn(flushed), sent: formatLsn(sent) };
}

export function buildFlushWentBack(flushed: Lsn, confirmed: Lsn): ViolationDetails {
  return { kind: 'flushWentBack', flushed: formatLsn(flushed), confirmed: formatLsn(confirmed) };
}

export function buildFlushInsideTransaction(flushed: Lsn, commitLsn: Lsn, endLsn: Lsn | undefined): ViolationDetails {
  return {
    kind: 'flushInsideTransaction',
    flushed: formatLsn(flushed),
    commitLsn: formatLsn(commitLsn),
    endLsn: endLsn === undefined ? undefined : formatLsn(endLsn),
  };
}

/** Describes a violation, and its consequence on a real server. */
export function describeViolation(details: ViolationDetails): string {
  switch (details.kind) {
    case 'flushBeyondSent':
      return `confirmed ${details.flushed}, but nothing beyond ${details.sent} was sent: transactions that commit in between are lost`;
    case 'flushWentBack':
      return `confirmed ${details.flushed} after ${details.confirmed}: older servers then move the slot back`;
    case 'flushInsideTransaction': {
      const end = details.endLsn === undefined ? 'has not been sent yet' : `ends at ${details.endLsn}`;
      return `confirmed ${details.flushed}, within the transaction that commits at ${details.commitLsn} and ${end}`;
    }
    case 'replyStorm':
      return `sent ${details.updates} status updates within ${details.ms} ms that were not requested and had no new position`;
    case 'silence':
      return `was silent for ${details.ms} ms; wal_sender_timeout is ${details.walSenderTimeout} ms, after which the server closes the connection`;
    case 'unexpectedMessage':
      return `sent ${details.what}`;
  }
}
