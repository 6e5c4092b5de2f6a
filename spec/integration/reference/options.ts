import type { TypeParsers } from '../../../lib/index';
import type { Random } from '../../chaos/random';
import { everyWay, nameOf, type Way } from '../scenarios/ways';

/** How an episode is read. */
export interface Reading {
  readonly way: Way;
  readonly twoPhase: boolean;
  readonly types: 'pg' | 'exact' | 'text';
  /** For transactions(). */
  readonly maxBytes: number;
  readonly maxUnacked: number;
  /** What the server may keep in memory before it streams, or spools. Default: the least there is. */
  readonly memory?: string;
  readonly includeNonTransactionalMessages: boolean;
  /** How it ends: with all that was delivered confirmed, just so, or by losing the connection before that. */
  readonly leave: 'stop' | 'unsubscribe' | 'cut';
}

/** Every value as the server prints it. */
export const AS_TEXT: TypeParsers = { getTypeParser: () => (text) => text };

/** What readings have to put up with. */
export interface Circumstances {
  /** The server's version. */
  readonly version: number;
  /** Whether there are values that pg's parsers round. */
  readonly exact: boolean;
  /** Whether columns come up of types that are made in the same transaction. In binary, they cannot be read before it commits. */
  readonly newTypes: boolean;
}

/** @param twoPhase whether the slot is one for two-phase commit already */
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
