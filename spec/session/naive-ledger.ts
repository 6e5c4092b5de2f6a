import type { PositionKeeper, WindowLimits } from '../../lib/session/ledger';

/** What the subscriber can acknowledge: a change, a Commit, a message, or a gathered transaction. */
export interface Piece {
  readonly bytes: number;
  acked: boolean;
  /** It is acknowledged, but by an operator: no subscriber has seen it. */
  dropped: boolean;
  /** A group has taken it over, and answers for it. */
  gathered: boolean;
}

interface Transaction {
  readonly kind: 'transaction';
  readonly changes: Piece[];
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
  /** So many of the items lie before the stop. */
  end = Infinity;
  closed = false;
  /** To be brought up to date by {@link look} whenever reading might go on. */
  full = false;

  constructor(
    readonly limits: WindowLimits,
    readonly keeper: PositionKeeper = 'slot',
  ) {}

  begin(): void {
    this.items.push({ kind: 'transaction', changes: [] });
  }

  change(bytes: number): Piece {
    const piece = newPiece(bytes);
    this.#transaction().changes.push(piece);
    return piece;
  }

  /** @returns the Commit, unless there is nothing to acknowledge */
  commit(endLsn: bigint, bytes: number): Piece | undefined {
    const transaction = this.#transaction();
    transaction.endLsn = endLsn;
    if (transaction.changes.length > 0) transaction.commit = newPiece(bytes);
    return transaction.commit;
  }

  /** Makes one piece of all that was gathered of the last transaction, and of its Commit. */
  group(): Piece {
    const transaction = this.items.findLast((item) => item.kind === 'transaction');
    if (!transaction?.commit) throw new Error('There is no transaction to group');
    transaction.commit.gathered = true;
    const members = [...transaction.changes, transaction.commit].filter((piece) => piece.gathered);
    transaction.group = newPiece(members.reduce((sum, { bytes }) => sum + bytes, 0));
    return transaction.group;
  }

  message(lsn: bigint, bytes: number): Piece {
    const piece = newPiece(bytes);
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

  /** What still weighs on the window. */
  get waiting(): Piece[] {
    return this.items.flatMap(piecesOf).filter((piece) => !piece.acked && !piece.gathered);
  }

  get messages(): number {
    return this.waiting.length;
  }

  get bytes(): number {
    return this.waiting.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Whether an acknowledgement of this piece still counts. */
  counts(piece: Piece): boolean {
    const index = this.items.findIndex((item) => piecesOf(item).includes(piece));
    return !this.closed && index < this.end;
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
      const position = positionOf(item);
      return this.#isKnown(item) && position > highest ? position : highest;
    }, 0n);
  }

  /** What the oldest unsettled item lacks, in the words of the warning. */
  get reason(): string | undefined {
    const item = this.items.slice(0, this.end).find((item) => !isSettled(item));
    if (!item || item.kind === 'keepalive') return undefined;
    if (item.kind === 'message') return 'a message is not acknowledged';
    if (item.group) return item.group.acked ? undefined : 'a transaction is not acknowledged';
    const changes = item.changes.filter((piece) => !piece.acked && !piece.gathered).length;
    const count = `${changes} ${changes === 1 ? 'change' : 'changes'}`;
    if (!item.commit) {
      return changes > 0 ? `${count} not acknowledged, of a transaction whose commit has not come yet` : undefined;
    }
    if (changes === 0) return 'all changes acknowledged, their commit not';
    return item.commit.acked ? `commit acknowledged, ${count} not` : `commit and ${count} not acknowledged`;
  }

  /** Full at a limit; free again once both are at half. */
  look(): void {
    const { messages, bytes } = this;
    const limits = this.limits;
    this.full = this.full
      ? !(messages <= limits.messages / 2 && bytes <= limits.bytes / 2)
      : messages >= limits.messages || bytes >= limits.bytes;
  }

  /** Whether its position is known to who keeps it. */
  #isKnown(item: Item): boolean {
    if (this.keeper === 'slot') return true;
    if (item.kind === 'keepalive') return item.acked;
    return piecesOf(item).some((piece) => piece.acked && !piece.dropped);
  }

  #transaction(): Transaction {
    const open = this.items.find((item) => item.kind === 'transaction' && item.endLsn === undefined);
    if (open?.kind !== 'transaction') throw new Error('No transaction is open');
    return open;
  }
}

function newPiece(bytes: number): Piece {
  return { bytes, acked: false, dropped: false, gathered: false };
}

export function piecesOf(item: Item): Piece[] {
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
  return piecesOf(item).every((piece) => piece.acked || piece.gathered);
}

function positionOf(item: Item): bigint {
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
