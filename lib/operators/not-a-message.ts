import { ConfigError } from '../common/errors';

/** What `transactions()` emits in place of messages. The types exclude it. */
const GROUPS: ReadonlySet<unknown> = new Set(['transaction', 'preparedTransaction', 'progress']);

function describe(kind: unknown): string {
  if (GROUPS.has(kind)) return 'a transaction';
  return kind === 'xlogData' ? 'data of another output plugin' : 'a value that is no message';
}

/** Creates the error for a value that is no message, such as an operator above has made. */
export function createNotAMessageError(
  operator: string,
  value: { readonly kind?: unknown },
  remedy: string,
): ConfigError {
  return new ConfigError(operator, `got ${describe(value.kind)}, and takes messages of pgoutput; ${remedy}`);
}
