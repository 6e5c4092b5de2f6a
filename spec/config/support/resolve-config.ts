import { ConfigError } from '../../../lib/common/errors';
import { resolveConfig } from '../../../lib/config/resolve-config';
import type { PgoutputConfig } from '../../../lib/config/stream-config';
import { failure } from '../../wire/failure';

/** What every stream needs. */
export const BASE = { connection: 'postgres://app:secret@h/shop', slot: 'orders', publications: ['p'] };

/** As from JavaScript: anything may be there. */
export function resolve(config: unknown) {
  return resolveConfig(config as PgoutputConfig);
}

/** The option that the error names, which shows no `secret`. */
export function optionAtFault(config: unknown): string {
  const error = failure(() => resolve(config));
  if (!(error instanceof ConfigError)) throw error;
  expect(error).toMatchObject({ code: 'CONFIG_INVALID', retryable: false });
  expect(error.message.startsWith(`${error.option}: `)).toBe(true);
  expect(error.message).not.toContain('secret');
  return error.option;
}

/** The words of the error. */
export function messageOf(config: unknown): string {
  return failure(() => resolve(config)).message;
}
