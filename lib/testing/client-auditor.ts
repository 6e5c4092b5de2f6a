import { maxLsn, type Lsn } from '../common/lsn';
import { FrameDecoder } from '../wire/frames';
import { KEEPALIVE, XLOG_DATA, XLOG_DATA_HEADER_LENGTH } from '../wire/replication-messages';
import {
  buildFlushBeyondSent,
  buildFlushInsideTransaction,
  buildFlushWentBack,
  type ViolationDetails,
} from './violations';

/** A standby status update, and when it was received. */
export interface FakeStatus {
  /** In ms, of the server's scheduler. */
  readonly at: number;
  readonly written: Lsn;
  readonly flushed: Lsn;
  readonly applied: Lsn;
  readonly replyRequested: boolean;
}

/** The maximum number of updates per second that the server did not request and that have no new position. */
const MAX_UNPROMPTED_UPDATES = 100;
const MEASURED_MS = 1000;

const COPY_DATA = 0x64; // d
/** Begin and Begin Prepare have the commit or prepare LSN after the tag. */
const BEGIN_TAGS: ReadonlySet<string> = new Set(['B', 'b']);
/** The messages that end a transaction, with the offset of the end LSN. The commit or prepare LSN precedes it, except in Rollback Prepared. */
const END_LSN_OFFSETS: ReadonlyMap<string, number> = new Map([
  ['C', 10],
  ['P', 10],
  ['p', 10],
  ['K', 10],
  ['r', 10],
  ['c', 14],
]);

interface SentTransaction {
  /** The LSN of the first record, if known. */
  readonly startLsn: Lsn;
  readonly commitLsn: Lsn;
  readonly endLsn: Lsn;
}

/**
 * Decodes the messages that were sent to a client, and checks the client's status updates against them. Bytes that a fault
 * holds back do not count as sent.
 */
export class ClientAuditor {
  /** The highest position that was sent to the client; 0 before the stream. */
  sent: Lsn = 0n;
  readonly statuses: FakeStatus[] = [];
  readonly #frames = new FrameDecoder();
  readonly #report: (details: ViolationDetails) => void;
  #isRaw = false;
  #undecodable = false;
  /** The positions that a client may confirm: the end of a transaction, or a keepalive. */
  readonly #boundaries = new Set<Lsn>();
  #committed: SentTransaction[] = [];
  #open: { readonly startLsn: Lsn; readonly commitLsn: Lsn } | undefined;
  #inBlock = false;
  #pendingRequests = 0;
  #unprompted: number[] = [];

  constructor(report: (details: ViolationDetails) => void) {
    this.#report = report;
  }

  /** @param positions the slot's position, and the requested start position */
  start(plugin: string, positions: readonly Lsn[]): void {
    this.#isRaw = plugin !== 'pgoutput';
    for (const lsn of positions) this.#addBoundary(lsn);
  }

  /** Records bytes that were sent to the client. They may start and end within a message. */
  recordSent(bytes: Buffer): void {
    if (this.#undecodable) return;
    this.#frames.push(bytes);
    try {
      while (this.#frames.next()) this.#recordFrame(this.#frames.buffer.subarray(this.#frames.start, this.#frames.end));
    } catch {
      // A script sent invalid bytes, so the position of the next message is unknown.
      this.#undecodable = true;
    }
  }

  /** @param confirmed the slot's position */
  checkStatus(status: FakeStatus, confirmed: Lsn): void {
    const { flushed } = status;
    const prompted = this.#pendingRequests > 0 || flushed !== this.statuses.at(-1)?.flushed;
    if (this.#pendingRequests > 0) this.#pendingRequests--;
    this.statuses.push(status);
    if (!prompted) this.#countUnprompted(status.at);
    // 0 means no position, and the server ignores it.
    if (flushed !== 0n) this.#checkFlushed(flushed, confirmed);
  }

  #checkFlushed(flushed: Lsn, confirmed: Lsn): void {
    if (flushed < confirmed) {
      this.#report(buildFlushWentBack(flushed, confirmed));
    } else if (flushed > this.sent) {
      this.#report(buildFlushBeyondSent(flushed, this.sent));
    } else if (this.#open && flushed > this.#open.commitLsn) {
      this.#report(buildFlushInsideTransaction(flushed, this.#open.commitLsn, undefined));
    } else if (!this.#boundaries.has(flushed)) {
      const around = this.#committed.find(({ startLsn, endLsn }) => startLsn <= flushed && flushed < endLsn);
      if (around) this.#report(buildFlushInsideTransaction(flushed, around.commitLsn, around.endLsn));
    }
    for (const lsn of this.#boundaries) if (lsn < flushed) this.#boundaries.delete(lsn);
    this.#committed = this.#committed.filter(({ endLsn }) => endLsn > flushed);
  }

  #countUnprompted(at: number): void {
    this.#unprompted = [...this.#unprompted.filter((earlier) => at - earlier < MEASURED_MS), at];
    if (this.#unprompted.length <= MAX_UNPROMPTED_UPDATES) return;
    this.#report({ kind: 'replyStorm', updates: this.#unprompted.length, ms: at - (this.#unprompted[0] ?? at) });
    this.#unprompted = [];
  }

  #recordFrame(body: Buffer): void {
    if (this.#frames.tag !== COPY_DATA) return;
    if (body[0] === KEEPALIVE) {
      this.#addBoundary(body.readBigUInt64BE(1));
      if (body[17] === 1) this.#pendingRequests++;
    } else if (body[0] === XLOG_DATA) {
      const dataStart = body.readBigUInt64BE(1);
      if (this.#isRaw) this.#addBoundary(dataStart);
      else this.#recordPayload(body.subarray(XLOG_DATA_HEADER_LENGTH), dataStart);
    }
  }

  #recordPayload(payload: Buffer, dataStart: Lsn): void {
    const tag = payload.toString('latin1', 0, 1);
    const at = END_LSN_OFFSETS.get(tag);
    if (tag === 'S' || tag === 'E') {
      this.#inBlock = tag === 'S';
    } else if (BEGIN_TAGS.has(tag)) {
      const commitLsn = payload.readBigUInt64BE(1);
      this.#open = { commitLsn, startLsn: dataStart === 0n ? commitLsn : dataStart };
    } else if (at !== undefined) {
      const endLsn = payload.readBigUInt64BE(at);
      const commitLsn = tag === 'r' ? endLsn : payload.readBigUInt64BE(at - 8);
      this.#committed.push({ startLsn: commitLsn, commitLsn, ...this.#open, endLsn });
      this.#open = undefined;
      this.#addBoundary(endLsn);
    } else if (tag === 'M' && !this.#inBlock && payload[1] === 0) {
      // Within a block, the xid is at this offset.
      this.#addBoundary(payload.readBigUInt64BE(2));
    }
  }

  #addBoundary(lsn: Lsn): void {
    this.#boundaries.add(lsn);
    this.sent = maxLsn(this.sent, lsn);
  }
}
