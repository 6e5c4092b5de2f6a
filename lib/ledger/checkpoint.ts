import { ConfigError } from '../common/errors';
import { toLsn, type Lsn } from '../common/lsn';

/** The origin of a stream. A position is valid only together with it. */
export interface StreamSource {
  /** The cluster's system identifier, from `IDENTIFY_SYSTEM`. */
  readonly systemId: string;
  /** The server's timeline when the stream started. A promotion starts a new timeline. */
  readonly timeline: number;
  readonly slot: string;
  /**
   * Whether the server was a standby when the stream started. A standby can be promoted, or follow another primary, while the
   * stream runs, and does not report it: a position can then lie beyond the end of `timeline`.
   */
  readonly standby?: true;
}

/** The server's part of a {@link StreamSource}. */
export interface SourceServer {
  readonly systemId: string;
  readonly timeline: number;
  readonly standby?: boolean;
}

/** @internal */
export function createSource({ systemId, timeline, standby }: SourceServer, slot: string): StreamSource {
  return { systemId, timeline, slot, ...(standby && { standby }) };
}

/**
 * A position that a consumer stores together with its data. It consists of strings, a number and sometimes a boolean, so any
 * store can keep it as JSON. `startLsn` takes it back and checks it: a position of another cluster, or of a timeline that is
 * not in this server's history, is an error, because changes would be skipped.
 *
 * @example
 * await db.query('UPDATE progress SET checkpoint = $1', [JSON.stringify(tx.checkpoint)]);
 */
export interface Checkpoint extends StreamSource {
  /** The end LSN of the last stored transaction, as `X/Y`. */
  readonly endLsn: string;
}

/** The result of a `startLsn` function; null and undefined mean an empty store. */
export type StoredPosition = Lsn | string | Checkpoint | null | undefined;

/** A position to start from, and its source if known. */
export interface StartPosition {
  readonly lsn: Lsn;
  readonly source: StreamSource | undefined;
}

/** The result of a `startLsn` function, for the routine that called it. */
export interface StartAnswer {
  readonly kind: 'startPosition';
  /** undefined if the store is empty. */
  readonly position: StartPosition | undefined;
}

/**
 * @internal
 * @throws {ConfigError} if the value is neither an LSN nor a checkpoint
 */
export function toStartPosition(value: unknown): StartPosition | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && value.startsWith('{')) {
    throw new ConfigError(OPTION, 'got JSON text; parse it: () => JSON.parse(text)');
  }
  if (Array.isArray(value)) throw new ConfigError(OPTION, `${EXPECTED}, got an array; return its element`);
  const position = typeof value === 'object' ? readCheckpoint(value) : { lsn: toLsn(OPTION, value), source: undefined };
  return position.lsn === 0n ? undefined : position;
}

const OPTION = 'startLsn';
const EXPECTED = 'expected an LSN or a stored checkpoint { systemId, timeline, slot, endLsn }';

function readCheckpoint(value: object): StartPosition {
  const { systemId, timeline, slot, standby, endLsn }: Partial<Record<keyof Checkpoint, unknown>> = value;
  if (typeof systemId !== 'string') throw createMemberError(value, 'systemId', 'text');
  if (!isTimeline(timeline)) throw createMemberError(value, 'timeline', 'an integer of at least 1');
  if (typeof slot !== 'string') throw createMemberError(value, 'slot', 'text');
  // A store with a column for each member may return null.
  if (standby !== undefined && standby !== null && typeof standby !== 'boolean')
    throw createMemberError(value, 'standby', 'a boolean');
  const source = createSource({ systemId, timeline, standby: standby === true }, slot);
  return { lsn: toLsn(`${OPTION}.endLsn`, endLsn), source };
}

function createMemberError(value: object, member: string, expected: string): ConfigError {
  if (member in value) {
    const found: unknown = Reflect.get(value, member);
    return new ConfigError(
      `${OPTION}.${member}`,
      `expected ${expected}, got ${found === null ? 'null' : `a ${typeof found}`}`,
    );
  }
  const members = Object.keys(value).slice(0, 5).join(', ');
  const remedy = 'if it is a row of a query result, return the value of its column';
  const found = members === '' ? 'an empty object' : `an object with ${members}`;
  return new ConfigError(OPTION, `${EXPECTED}, got ${found}; ${remedy}`);
}

function isTimeline(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0;
}
