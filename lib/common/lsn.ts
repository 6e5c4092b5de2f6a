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
 * Reads PostgreSQL's text form of an LSN, two hexadecimal halves as in `0/16B6C50`.
 *
 * @throws {ConfigError} `CONFIG_INVALID` when the text is no LSN.
 * @example
 * parseLsn('0/16B6C50') === 23817296n
 */
export function parseLsn(text: string): Lsn {
  const match = typeof text === 'string' ? LSN_TEXT.exec(text) : null;
  if (!match) throw rejectLsn('lsn', text, "write two hexadecimal halves, as in '0/16B6C50'");
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`);
}

/**
 * Writes an LSN the way PostgreSQL prints it.
 *
 * @throws {ConfigError} `CONFIG_INVALID` when it is no bigint, negative or wider than 64 bits.
 * @example
 * formatLsn(23817296n) === '0/16B6C50'
 */
export function formatLsn(lsn: Lsn): string {
  if (!isLsn(lsn)) throw rejectLsn('lsn', lsn, 'give a bigint from 0 to 2^64 - 1');
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase();
}

/**
 * Takes an LSN in either form that options accept.
 *
 * @internal
 */
export function toLsn(option: string, value: unknown): Lsn {
  if (typeof value === 'string') {
    if (LSN_TEXT.test(value)) return parseLsn(value);
  } else if (isLsn(value)) {
    return value;
  }
  throw rejectLsn(option, value, "give a bigint or text as in '0/16B6C50'");
}

function isLsn(value: unknown): value is Lsn {
  return typeof value === 'bigint' && value >= 0n && value <= MAX_LSN;
}

function rejectLsn(option: string, value: unknown, remedy: string): ConfigError {
  return new ConfigError(option, `${quoteShortened(value)} is no LSN; ${remedy}`);
}

function quoteShortened(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'string') return JSON.stringify(value.slice(0, LONGEST_SHOWN));
  if (value === null || value === undefined) return String(value);
  return `a value of type ${Array.isArray(value) ? 'array' : typeof value}`;
}

const LONGEST_SHOWN = 40;

/**
 * The later of two positions.
 *
 * @internal
 */
export function maxLsn(a: Lsn, b: Lsn): Lsn {
  return a > b ? a : b;
}
