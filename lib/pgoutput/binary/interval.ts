import { formatClock, readDuration } from './times';
import { createFixedSizeWriter, type TextWriter } from './value-text';

const MAX_INT4 = 0x7fff_ffff;
const MIN_INT4 = -0x8000_0000;
const MAX_UINT4 = 0xffff_ffff;

/**
 * interval: microseconds, days and months. With IntervalStyle = postgres, a positive part that follows a negative part has a
 * plus sign.
 */
export const writeInterval: TextWriter = createFixedSizeWriter(16, (bytes, at) => {
  const days = bytes.readInt32BE(at + 8);
  const months = bytes.readInt32BE(at + 12);
  if (isInfinite(bytes, at, days, months)) return days > 0 ? 'infinity' : '-infinity';

  let text = '';
  let isBehindNegative = false;
  const years = Math.trunc(months / 12);
  for (const [count, unit] of [
    [years, 'year'],
    [months - years * 12, 'mon'],
    [days, 'day'],
  ] as const) {
    if (count === 0) continue;
    if (text !== '') text += ' ';
    text += `${isBehindNegative && count > 0 ? '+' : ''}${count} ${unit}${count === 1 ? '' : 's'}`;
    isBehindNegative = count < 0;
  }

  let { seconds, microseconds } = readDuration(bytes, at);
  if (text !== '' && seconds === 0 && microseconds === 0) return text;
  const isNegative = seconds < 0;
  if (isNegative) {
    seconds = -seconds - (microseconds > 0 ? 1 : 0);
    microseconds = microseconds > 0 ? 1e6 - microseconds : 0;
  }
  const sign = isNegative ? '-' : isBehindNegative ? '+' : '';
  return `${text}${text === '' ? '' : ' '}${sign}${formatClock(seconds, microseconds)}`;
});

/** Whether all three fields have their largest or smallest value, which means infinity from PostgreSQL 17 on. */
function isInfinite(bytes: Buffer, at: number, days: number, months: number): boolean {
  const high = bytes.readInt32BE(at);
  const low = bytes.readUInt32BE(at + 4);
  return days > 0
    ? days === MAX_INT4 && months === MAX_INT4 && high === MAX_INT4 && low === MAX_UINT4
    : days === MIN_INT4 && months === MIN_INT4 && high === MIN_INT4 && low === 0;
}
