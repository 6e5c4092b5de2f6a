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
  const match = LSN_TEXT.exec(text);
  if (!match) {
    throw new ConfigError('lsn', `${JSON.stringify(text)} is no LSN; write two hexadecimal halves, as in '0/16B6C50'`);
  }
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`);
}

/**
 * Writes an LSN the way PostgreSQL prints it.
 *
 * @throws {ConfigError} `CONFIG_INVALID` when the number is negative or wider than 64 bits.
 * @example
 * formatLsn(23817296n) === '0/16B6C50'
 */
export function formatLsn(lsn: Lsn): string {
  if (lsn < 0n || lsn > MAX_LSN) {
    throw new ConfigError('lsn', `${lsn} is no LSN; it must lie between 0 and 2^64 - 1`);
  }
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
  } else if (typeof value === 'bigint' && value >= 0n && value <= MAX_LSN) {
    return value;
  }
  const shown =
    typeof value === 'bigint' ? `${value}n` : typeof value === 'string' ? JSON.stringify(value) : typeof value;
  throw new ConfigError(option, `${shown} is no LSN; give a bigint or text as in '0/16B6C50'`);
}

/**
 * The later of two positions.
 *
 * @internal
 */
export function laterLsn(a: Lsn, b: Lsn): Lsn {
  return a > b ? a : b;
}
