import { ConfigError } from './errors';

/**
 * A log sequence number: a byte position in the write-ahead log, 64 bits wide.
 *
 * Compare with `<`, `===` and `>`; never as text (`0/9` sorts after `0/10`). A position of `0n` means "none".
 * Source: PostgreSQL manual, "pg_lsn Type".
 */
export type Lsn = bigint;

const LSN_TEXT = /^([0-9a-f]{1,8})\/([0-9a-f]{1,8})$/i;
const MAX_LSN = 0xffff_ffff_ffff_ffffn;

/**
 * Parses PostgreSQL's text form of an LSN: two hexadecimal numbers, for example `0/16B6C50`.
 *
 * @throws {ConfigError} `CONFIG_INVALID` if the text is not an LSN
 * @example
 * parseLsn('0/16B6C50') === 23817296n
 */
export function parseLsn(text: string): Lsn {
  const match = typeof text === 'string' ? LSN_TEXT.exec(text) : null;
  if (!match) throw rejectLsn('lsn', text, "Write two hexadecimal numbers, for example '0/16B6C50'.");
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`);
}

/**
 * Formats an LSN as PostgreSQL prints it.
 *
 * @throws {ConfigError} `CONFIG_INVALID` if the value is not a bigint from 0 to 2^64 - 1
 * @example
 * formatLsn(23817296n) === '0/16B6C50'
 */
export function formatLsn(lsn: Lsn): string {
  if (!isLsn(lsn)) throw rejectLsn('lsn', lsn, 'Give a bigint from 0 to 2^64 - 1.');
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase();
}

/**
 * Converts an option's value, a bigint or text, to an LSN.
 *
 * @internal
 */
export function toLsn(option: string, value: unknown): Lsn {
  if (typeof value === 'string') {
    if (LSN_TEXT.test(value)) return parseLsn(value);
  } else if (isLsn(value)) {
    return value;
  }
  throw rejectLsn(option, value, "Give a bigint or text, for example '0/16B6C50'.");
}

function isLsn(value: unknown): value is Lsn {
  return typeof value === 'bigint' && value >= 0n && value <= MAX_LSN;
}

function rejectLsn(option: string, value: unknown, remedy: string): ConfigError {
  return new ConfigError(option, `invalid LSN: ${quoteShortened(value)}`, { remedy });
}

function quoteShortened(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'string') return JSON.stringify(value.slice(0, MAX_SHOWN));
  if (value === null || value === undefined) return String(value);
  return `a value of type ${Array.isArray(value) ? 'array' : typeof value}`;
}

const MAX_SHOWN = 40;

/**
 * Returns the greater of two LSNs.
 *
 * @internal
 */
export function maxLsn(a: Lsn, b: Lsn): Lsn {
  return a > b ? a : b;
}
