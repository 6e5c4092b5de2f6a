import type { TypeParsers } from '../../../lib/index';
import type { Random } from '../../chaos/random';
import { everyWay, nameOf, type Way } from '../scenarios/ways';

/** How an episode is read. */
export interface Reading {
  readonly way: Way;
  readonly twoPhase: boolean;
  readonly types: 'pg' | 'exact' | 'text';
  /** Options of transactions(). */
  readonly maxBytes: number;
  readonly maxUnacked: number;
  /** The memory in which the server keeps a transaction before it streams or spools it. Default: the minimum. */
  readonly memory?: string;
  readonly includeNonTransactionalMessages: boolean;
  /** How it ends: with everything delivered confirmed, with unsubscribing, or with a lost connection. */
  readonly leave: 'stop' | 'unsubscribe' | 'cut';
}

/** Leaves every value as text. */
export const AS_TEXT: TypeParsers = { getTypeParser: () => (text) => text };

/** The conditions that restrict readings. */
export interface Circumstances {
  /** The server's version. */
  readonly version: number;
  /** Whether there are values that pg's parsers round. */
  readonly exact: boolean;
  /**
   * Whether there are columns of types that are created in the same transaction. In binary, they cannot be decoded before it
   * commits.
   */
  readonly newTypes: boolean;
}

/** @param twoPhase whether the slot already has two-phase decoding */
export function chooseReading(random: Random, { version, exact, newTypes }: Circumstances, twoPhase: boolean): Reading {
  const wantsTwoPhase = version >= 15 && (twoPhase || random.chance(0.4));
  const ways = everyWay(version)
    .filter(({ protoVersion }) => !wantsTwoPhase || protoVersion >= 3)
    .filter(({ binary }) => !binary || !newTypes);
  const streamed = ways.filter(({ streaming }) => streaming !== 'off');
  const among = random.chance(0.7) ? streamed : ways;
  return {
    way: among[random.between(0, among.length - 1)]!,
    twoPhase: wantsTwoPhase,
    types: exact ? random.pick(['exact', 'text']) : random.pick(['exact', 'text', 'pg']),
    maxBytes: random.pick([0, 10_000, 100_000, 10_000_000]),
    maxUnacked: random.pick([1, 5, 512]),
    includeNonTransactionalMessages: random.chance(0.5),
    leave: random.pick(['stop', 'unsubscribe', 'cut']),
  };
}

export function describeReading({ way, ...more }: Reading): string {
  const rest = Object.entries(more).map(([name, value]) => `${name} ${String(value)}`);
  return [nameOf(way), ...rest].join(', ');
}
