import { createFixedSizeWriter, type TextWriter } from './value-text';

const DAY = 86_400;
/** Time zone offsets are less than 16 hours (MAX_TZDISP_HOUR), in seconds. */
const ZONES = 16 * 3600;

/** A 64-bit number of microseconds, as whole seconds (rounded down) and remaining microseconds. */
export interface Duration {
  readonly seconds: number;
  readonly microseconds: number;
}

/** time: microseconds since midnight, up to 24:00:00. */
export const writeTime: TextWriter = createFixedSizeWriter(8, formatTime);

/** timetz: microseconds since midnight, and the zone's offset in seconds west of UTC. */
export const writeTimetz: TextWriter = createFixedSizeWriter(
  12,
  (bytes, at) => formatTime(bytes, at) + formatZone(bytes.readInt32BE(at + 8)),
);

/** Reads a number of microseconds without rounding errors, which one double would have beyond 285 years. */
export function readDuration(bytes: Buffer, at: number): Duration {
  const high = bytes.readInt32BE(at);
  // 2^32 is 4294 × 10^6 + 967296.
  const rest = high * 967_296 + bytes.readUInt32BE(at + 4);
  const seconds = Math.floor(rest / 1e6);
  return { seconds: high * 4294 + seconds, microseconds: rest - seconds * 1e6 };
}

/** Formats a time of day, `23:59:59.5`. */
export function formatClock(seconds: number, microseconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const text = `${padTwoDigits(hours)}:${padTwoDigits(minutes - hours * 60)}:${padTwoDigits(seconds - minutes * 60)}`;
  return microseconds === 0 ? text : `${text}.${String(microseconds).padStart(6, '0').replace(/0+$/, '')}`;
}

export function padTwoDigits(number: number): string {
  return number < 10 ? `0${number}` : String(number);
}

function formatTime(bytes: Buffer, at: number): string {
  const { seconds, microseconds } = readDuration(bytes, at);
  if (seconds < 0 || seconds > DAY || (seconds === DAY && microseconds > 0))
    throw new Error('the time of day is out of range');
  return formatClock(seconds, microseconds);
}

function formatZone(west: number): string {
  const size = Math.abs(west);
  if (size >= ZONES) throw new Error('the time zone is out of range');
  const minutes = Math.floor(size / 60) % 60;
  const seconds = size % 60;
  let text = `${west > 0 ? '-' : '+'}${padTwoDigits(Math.floor(size / 3600))}`;
  if (minutes !== 0 || seconds !== 0) text += `:${padTwoDigits(minutes)}`;
  if (seconds !== 0) text += `:${padTwoDigits(seconds)}`;
  return text;
}
