import { ConfigError } from '../common/errors';
import { toLsn, type Lsn } from '../common/lsn';

/** Where a stream comes from. A position means nothing without it. */
export interface StreamSource {
  /** The cluster's unique number, as `IDENTIFY_SYSTEM` gives it. */
  readonly systemId: string;
  /** The timeline that the server was on as the stream started. A promotion begins a new one. */
  readonly timeline: number;
  readonly slot: string;
  /**
   * Whether the server was a standby then. One may be promoted, or follow another primary, under the stream, which does
   * not hear of it: a position may then lie beyond the end of its timeline.
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
 * A position that a consumer keeps in a store of its own, together with the data that it belongs to. It holds texts, a
 * number and sometimes a boolean, so that any store takes it as JSON. Given back by `startLsn`, it is checked: a position
 * of another cluster, or of a timeline that this server has left behind, is an error and not a gap in the data.
 *
 * @example
 * await db.query('UPDATE progress SET checkpoint = $1', [JSON.stringify(tx.checkpoint)]);
 */
export interface Checkpoint extends StreamSource {
  /** The end LSN of the last transaction that was stored, as `X/Y`. */
  readonly endLsn: string;
}

/** What `startLsn` may give as a function; null and undefined stand for an empty store. */
export type StoredPosition = Lsn | string | Checkpoint | null | undefined;

/** A position to start from, with the source that it belongs to where that is known. */
export interface StartPosition {
  readonly lsn: Lsn;
  readonly source: StreamSource | undefined;
}

/** What a `startLsn` function has answered, on the way to the conversation that needs it. */
export interface StartAnswer {
  readonly kind: 'startPosition';
  /** undefined: the store is empty. */
  readonly position: StartPosition | undefined;
}

/**
 * @internal
 * @throws {ConfigError} when it is neither an LSN nor a checkpoint
 */
export function toStartPosition(value: unknown): StartPosition | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && value.startsWith('{')) {
    throw new ConfigError(OPTION, 'got JSON text; parse it, as in () => JSON.parse(text)');
  }
  if (Array.isArray(value)) throw new ConfigError(OPTION, `${EXPECTED}, got a list; give its element`);
  const position = typeof value === 'object' ? readCheckpoint(value) : { lsn: toLsn(OPTION, value), source: undefined };
  return position.lsn === 0n ? undefined : position;
}

const OPTION = 'startLsn';
const EXPECTED = 'expected an LSN or a checkpoint { systemId, timeline, slot, endLsn } as it was stored';

function readCheckpoint(value: object): StartPosition {
  const { systemId, timeline, slot, standby, endLsn }: Partial<Record<keyof Checkpoint, unknown>> = value;
  if (typeof systemId !== 'string') throw createMemberError(value, 'systemId', 'text');
  if (!isTimeline(timeline)) throw createMemberError(value, 'timeline', 'a whole number from 1 on');
  if (typeof slot !== 'string') throw createMemberError(value, 'slot', 'text');
  // A store with a column for it may give null.
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
  const remedy = 'where it is the row of a query, give the value of its column';
  return new ConfigError(OPTION, `${EXPECTED}, got an object of ${members || 'nothing'}; ${remedy}`);
}

function isTimeline(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0;
}
