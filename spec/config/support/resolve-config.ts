import { ConfigError } from '../../../lib/common/errors';
import { resolveConfig } from '../../../lib/config/resolve-config';
import type { PgoutputConfig } from '../../../lib/config/stream-config';
import { captureError } from '../../support/capture-error';

/** The required options of every stream. */
export const BASE = { connection: 'postgres://app:secret@h/shop', slot: 'orders', publications: ['p'] };

/** Bypasses the types, as a caller in JavaScript can. */
export function resolve(config: unknown) {
  return resolveConfig(config as PgoutputConfig);
}

/** The option that the error names. Verifies that the error does not show `secret`. */
export function findInvalidOption(config: unknown): string {
  const error = captureError(() => resolve(config));
  if (!(error instanceof ConfigError)) throw error;
  expect(error).toMatchObject({ code: 'CONFIG_INVALID', retryable: false });
  expect(error.message.startsWith(`${error.option}: `)).toBe(true);
  expect(error.message).not.toContain('secret');
  return error.option;
}

/** The message of the error. */
export function getMessage(config: unknown): string {
  return captureError(() => resolve(config)).message;
}
