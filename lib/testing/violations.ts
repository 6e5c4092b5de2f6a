import { formatLsn, type Lsn } from '../lsn';

/** What a client did that would lose data, or would harm a real server. LSNs are `X/Y`. */
export type Violation = Readonly<{ connection: number; message: string } & Fault>;

/** A violation but for where it was and how it reads. */
export type Fault = Readonly<
  | { kind: 'flushBeyondSent'; flushed: string; sent: string }
  | { kind: 'flushWentBack'; flushed: string; confirmed: string }
  | { kind: 'flushInsideTransaction'; flushed: string; commitLsn: string; endLsn: string | undefined }
  | { kind: 'replyStorm'; updates: number; ms: number }
  | { kind: 'silence'; ms: number; walSenderTimeout: number }
  | { kind: 'unexpectedMessage'; what: string }
>;

export function flushBeyondSent(flushed: Lsn, sent: Lsn): Fault {
  return { kind: 'flushBeyondSent', flushed: formatLsn(flushed), sent: formatLsn(sent) };
}

export function flushWentBack(flushed: Lsn, confirmed: Lsn): Fault {
  return { kind: 'flushWentBack', flushed: formatLsn(flushed), confirmed: formatLsn(confirmed) };
}

export function flushInsideTransaction(flushed: Lsn, commitLsn: Lsn, endLsn: Lsn | undefined): Fault {
  return {
    kind: 'flushInsideTransaction',
    flushed: formatLsn(flushed),
    commitLsn: formatLsn(commitLsn),
    endLsn: endLsn === undefined ? undefined : formatLsn(endLsn),
  };
}

/** What happened, and what comes of it on a real server. */
export function describe(fault: Fault): string {
  switch (fault.kind) {
    case 'flushBeyondSent':
      return `confirmed ${fault.flushed}, but nothing beyond ${fault.sent} was sent: what commits in between is lost`;
    case 'flushWentBack':
      return `confirmed ${fault.flushed} after ${fault.confirmed}: older servers move the slot back`;
    case 'flushInsideTransaction': {
      const end = fault.endLsn === undefined ? 'has not been sent yet' : `ends at ${fault.endLsn}`;
      return `confirmed ${fault.flushed}, inside the transaction that commits at ${fault.commitLsn} and ${end}`;
    }
    case 'replyStorm':
      return `sent ${fault.updates} status updates within ${fault.ms} ms, unasked and with nothing new`;
    case 'silence':
      return `was silent for ${fault.ms} ms; wal_sender_timeout is ${fault.walSenderTimeout} ms, and then the server hangs up`;
    case 'unexpectedMessage':
      return `sent ${fault.what}`;
  }
}
