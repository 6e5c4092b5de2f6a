import type { PositionOwner } from '../../../lib/ledger/unit-ledger';
import type { WindowLimits } from '../../../lib/ledger/window';

/** What the subscriber can acknowledge: a change, a Commit or Prepare, a message, or a gathered transaction. */
export interface Piece {
  /** Grows from one to the next. */
  readonly number: number;
  readonly bytes: number;
  /** The subtransaction that a streamed change belongs to. */
  readonly xid: number | undefined;
  acked: boolean;
  /** It is acknowledged, but by an operator: no subscriber has seen it. */
  dropped: boolean;
  /** A group has taken it over, and answers for it. */
  gathered: boolean;
}

interface Transaction {
  readonly kind: 'transaction';
  readonly changes: Piece[];
  /** What was aborted of it, and is done with. */
  readonly aborted: Piece[];
  /** Whether it ends with a Prepare, and has. */
  prepared: boolean;
  /** Of a prepared transaction: whether its Commit Prepared or Rollback Prepared was delivered. Until then it does not count against the window. */
  ended: boolean;
  commit?: Piece;
  group?: Piece;
  endLsn?: bigint;
}

interface Message {
  readonly kind: 'message';
  readonly piece: Piece;
  readonly lsn: bigint;
}

export interface Keepalive {
  readonly kind: 'keepalive';
  readonly walEnd: bigint;
  /** Where the consumer keeps the position, it counts only then. */
  acked: boolean;
}

export type Item = Transaction | Message | Keepalive;

/**
 * The ledger as design.md puts it into words, for models to compare with: a list of all that was delivered, from which
 * every answer is worked out anew each time it is asked for. It shares nothing with lib.
 */
export class NaiveLedger {
  readonly items: Item[] = [];
  /** By xid: what comes in blocks and has not ended. It is not among the items yet. */
  readonly streams = new Map<number, Transaction>();
  /** The one whose block is coming. */
  #block: Transaction | undefined;
  /** So many of the items lie before the stop. */
  end = Infinity;
  closed = false;
  /** As of the last call of {@link updateFull}. */
  full = false;

  constructor(
    readonly limits: WindowLimits,
    readonly owner: PositionOwner = 'slot',
  ) {}

  begin(): void {
    this.items.push(createTransaction());
  }

  change(bytes: number, xid?: number): Piece {
    const piece = createPiece(bytes, xid);
    (this.#block ?? this.#transaction()).changes.push(piece);
    return piece;
  }

  /** @returns the Commit, unless there is nothing to acknowledge */
  commit(endLsn: bigint, bytes: number, streamed = false): Piece | undefined {
    const transaction = this.#transaction();
    transaction.endLsn = endLsn;
    const isEmpty = transaction.changes.length + transaction.aborted.length === 0;
    if (streamed || !isEmpty) transaction.commit = createPiece(bytes);
    return transaction.commit;
  }

  prepare(endLsn: bigint, bytes: number): Piece {
    const transaction = this.#transaction();
    transaction.endLsn = endLsn;
    transaction.prepared = true;
    return (transaction.commit = createPiece(bytes));
  }

  /** Tells how the transaction ended that was prepared as this item. */
  endPrepared(item: number, endLsn: bigint, bytes: number): Piece {
    const prepared = this.items[item];
    if (prepared?.kind === 'transaction') prepared.ended = true;
    return this.message(endLsn, bytes);
  }

  enterBlock(xid: number): void {
    this.#block = this.streams.get(xid) ?? createTransaction();
    this.streams.set(xid, this.#block);
  }

  leaveBlock(): void {
    this.#block = undefined;
  }

  get inBlock(): boolean {
    return this.#block !== undefined;
  }

  /** What comes in blocks takes its place, and is to be committed or prepared next. */
  place(xid: number): void {
    const transaction = this.streams.get(xid);
    if (!transaction) throw new Error(`Nothing was streamed of ${xid}`);
    this.streams.delete(xid);
    this.items.push(transaction);
  }

  abort(xid: number, subxid: number): void {
    const transaction = this.streams.get(xid);
    if (xid === subxid) this.streams.delete(xid);
    const changes = transaction?.changes ?? [];
    for (const piece of changes.filter((piece) => xid === subxid || piece.xid === subxid)) {
      transaction?.aborted.push(piece);
      changes.splice(changes.indexOf(piece), 1);
      piece.dropped ||= !piece.acked;
      piece.acked = true;
    }
  }

  /**
   * Makes one piece of all that was gathered of the last transaction, and of its Commit.
   *
   * @param held how many bytes of what was gathered are in memory, if not all
   */
  group(held?: number): Piece {
    const transaction = this.items.findLast((item) => item.kind === 'transaction');
    if (!transaction?.commit) throw new Error('There is no transaction to group');
    transaction.commit.gathered = true;
    const changes = transaction.changes.filter((piece) => piece.gathered);
    const inMemory = held ?? changes.reduce((sum, { bytes }) => sum + bytes, 0);
    transaction.group = createPiece(inMemory + transaction.commit.bytes);
    return transaction.group;
  }

  message(lsn: bigint, bytes: number): Piece {
    const piece = createPiece(bytes);
    this.items.push({ kind: 'message', lsn, piece });
    return piece;
  }

  keepalive(walEnd: bigint): Keepalive {
    const keepalive: Keepalive = { kind: 'keepalive', walEnd, acked: false };
    this.items.push(keepalive);
    return keepalive;
  }

  /** Whether there is a transaction that has begun and not ended. */
  get open(): boolean {
    return this.items.some((item) => item.kind === 'transaction' && item.endLsn === undefined);
  }

  /** What is still to be acknowledged. */
  get waiting(): Piece[] {
    return [...this.items, ...this.streams.values()].flatMap(getPieces).filter(isWaiting);
  }

  /** What of that counts against the window. */
  get inWindow(): Piece[] {
    const items = this.items.filter((item) => item.kind !== 'transaction' || !item.prepared || item.ended);
    return [...items, ...this.streams.values()].flatMap(getPieces).filter(isWaiting);
  }

  get messages(): number {
    return this.waiting.length;
  }

  get bytes(): number {
    return this.waiting.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Whether an acknowledgement of this piece still counts. */
  counts(piece: Piece): boolean {
    const index = this.items.findIndex((item) => getPieces(item).includes(piece));
    // What has no place yet lies beyond every stop.
    return !this.closed && (index < 0 ? Infinity : index) <= this.end - 1;
  }

  /** The items before the stop that are settled, and so is all before them. */
  get settledPrefix(): Item[] {
    const items = this.items.slice(0, this.end);
    const unsettled = items.findIndex((item) => !isSettled(item));
    return unsettled < 0 ? items : items.slice(0, unsettled);
  }

  get settled(): boolean {
    return this.settledPrefix.length === Math.min(this.items.length, this.end);
  }

  get confirmed(): bigint {
    return this.settledPrefix.reduce((highest, item) => {
      const position = getPosition(item);
      return this.#isKnown(item) && position > highest ? position : highest;
    }, 0n);
  }

  /** What the oldest unsettled item lacks, in the words of the warning; else what keeps anything more from being read. */
  get reason(): string | undefined {
    return this.#oldestReason ?? this.#openStreamReason;
  }

  /** The changes of an open stream that fill the window, and that nobody but the subscriber can take out of it. */
  get #openStreamReason(): string | undefined {
    if (!this.full || this.end < Infinity) return undefined;
    const streams = [...this.streams.values()].map(({ changes }) => changes.filter(isWaiting));
    const [oldest] = streams.filter(([first]) => first).sort(([a], [b]) => (a?.number ?? 0) - (b?.number ?? 0));
    return oldest && formatUnended(oldest.length);
  }

  get #oldestReason(): string | undefined {
    const item = this.items.slice(0, this.end).find((item) => !isSettled(item));
    if (!item || item.kind === 'keepalive') return undefined;
    if (item.kind === 'message') return 'a message is not acknowledged';
    if (item.prepared && !(item.group ?? item.commit)?.acked) return 'a prepared transaction is not acknowledged';
    if (item.group) return item.group.acked ? undefined : 'a transaction is not acknowledged';
    const changes = item.changes.filter((piece) => !piece.acked && !piece.gathered).length;
    const count = formatChangeCount(changes);
    if (!item.commit) return changes > 0 ? formatUnended(changes) : undefined;
    if (changes === 0) return 'all changes acknowledged, their commit not';
    return item.commit.acked ? `commit acknowledged, ${count} not` : `commit and ${count} not acknowledged`;
  }

  /** Full at a limit; free again once both are at half. */
  updateFull(): void {
    const messages = this.inWindow.length;
    const bytes = this.inWindow.reduce((sum, { bytes }) => sum + bytes, 0);
    const limits = this.limits;
    this.full = this.full
      ? !(messages <= limits.messages / 2 && bytes <= limits.bytes / 2)
      : messages >= limits.messages || bytes >= limits.bytes;
  }

  /** Whether its position is known to who keeps it. */
  #isKnown(item: Item): boolean {
    if (this.owner === 'slot') return true;
    if (item.kind === 'keepalive') return item.acked;
    const aborted = item.kind === 'transaction' ? item.aborted : [];
    return [...getPieces(item), ...aborted].some((piece) => piece.acked && !piece.dropped);
  }

  #transaction(): Transaction {
    const open = this.items.find((item) => item.kind === 'transaction' && item.endLsn === undefined);
    if (open?.kind !== 'transaction') throw new Error('No transaction is open');
    return open;
  }
}

let pieces = 0;

function createPiece(bytes: number, xid?: number): Piece {
  return { number: pieces++, bytes, xid, acked: false, dropped: false, gathered: false };
}

function createTransaction(): Transaction {
  return { kind: 'transaction', changes: [], aborted: [], prepared: false, ended: false };
}

function formatChangeCount(changes: number): string {
  return `${changes} ${changes === 1 ? 'change' : 'changes'}`;
}

function formatUnended(changes: number): string {
  return `${formatChangeCount(changes)} not acknowledged, of a transaction whose commit is not received yet`;
}

function isWaiting(piece: Piece): boolean {
  return !piece.acked && !piece.gathered;
}

export function getPieces(item: Item): Piece[] {
  switch (item.kind) {
    case 'transaction':
      return [...item.changes, item.commit, item.group].filter((piece) => piece !== undefined);
    case 'message':
      return [item.piece];
    case 'keepalive':
      return [];
  }
}

function isSettled(item: Item): boolean {
  if (item.kind === 'transaction' && item.endLsn === undefined) return false;
  // What was gathered is settled with its group.
  return getPieces(item).every((piece) => piece.acked || piece.gathered);
}

function getPosition(item: Item): bigint {
  switch (item.kind) {
    case 'transaction':
      return item.endLsn ?? 0n;
    case 'message':
      return item.lsn;
    case 'keepalive':
      return item.walEnd;
  }
}

/** Expects both to be the same, member by member; jest, which is slow, has the word only where they are not. */
export function expectSame<T extends Readonly<Record<string, unknown>>>(actual: T, expected: T): void {
  if (Object.keys(expected).some((key) => actual[key] !== expected[key])) expect(actual).toEqual(expected);
}
