import { formatClock, readDuration, padTwoDigits } from './times';
import { createFixedSizeWriter, type TextWriter } from './value-text';

const MAX_INT4 = 0x7fff_ffff;
const MIN_INT4 = -0x8000_0000;
const MAX_UINT4 = 0xffff_ffff;

/** Limits in days since 2000-01-01. The first is 4714-11-24 BC (MIN_TIMESTAMP, DATE_END_JULIAN, END_TIMESTAMP in timestamp.h). */
const FIRST_DAY = -2_451_545;
const END_OF_DATES = 2_145_031_949;
const END_OF_TIMESTAMPS = 106_751_983;

const SECONDS = 86_400;
/** Days from 0000-03-01, the epoch of the calendar below, to 2000-01-01. */
const EPOCH = 730_425;
/** Days in 400 years. */
const ERA = 146_097;

/** date: days since 2000-01-01. */
export const writeDate: TextWriter = createFixedSizeWriter(4, (bytes, at) => {
  const days = bytes.readInt32BE(at);
  if (days === MAX_INT4) return 'infinity';
  if (days === MIN_INT4) return '-infinity';
  return formatDate(days, '', END_OF_DATES);
});

/** timestamp: microseconds since 2000-01-01. */
export const writeTimestamp: TextWriter = createFixedSizeWriter(8, (bytes, at) => formatTimestamp(bytes, at, ''));
/** timestamptz: microseconds since 2000-01-01 00:00 UTC. The session's time zone is UTC. */
export const writeTimestamptz: TextWriter = createFixedSizeWriter(8, (bytes, at) => formatTimestamp(bytes, at, '+00'));

function formatTimestamp(bytes: Buffer, at: number, zone: string): string {
  const high = bytes.readInt32BE(at);
  const low = bytes.readUInt32BE(at + 4);
  if (high === MAX_INT4 && low === MAX_UINT4) return 'infinity';
  if (high === MIN_INT4 && low === 0) return '-infinity';
  const { seconds, microseconds } = readDuration(bytes, at);
  const days = Math.floor(seconds / SECONDS);
  return formatDate(days, ` ${formatClock(seconds - days * SECONDS, microseconds)}${zone}`, END_OF_TIMESTAMPS);
}

function formatDate(days: number, rest: string, end: number): string {
  if (days < FIRST_DAY || days >= end) throw new Error('the date is out of range');
  // The calendar repeats every 400 years. The year starts in March, so the leap day is its last day.
  const fromMarch = days + EPOCH;
  const era = Math.floor(fromMarch / ERA);
  const day = fromMarch - era * ERA;
  const leapDays = Math.floor(day / 1460) - Math.floor(day / 36_524) + Math.floor(day / 146_096);
  const yearOfEra = Math.floor((day - leapDays) / 365);
  const dayOfYear = day - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const month = Math.floor((5 * dayOfYear + 2) / 153);
  const dayOfMonth = dayOfYear - Math.floor((153 * month + 2) / 5) + 1;
  const isNextYear = month > 9;
  const year = era * 400 + yearOfEra + (isNextYear ? 1 : 0);
  // There is no year 0.
  const digits = String(year > 0 ? year : 1 - year).padStart(4, '0');
  return `${digits}-${padTwoDigits(isNextYear ? month - 9 : month + 3)}-${padTwoDigits(dayOfMonth)}${rest}${year > 0 ? '' : ' BC'}`;
}
