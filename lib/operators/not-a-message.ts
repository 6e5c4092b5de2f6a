import { ConfigError } from '../common/errors';

/** What `transactions()` emits in place of messages. The types exclude it. */
const GROUPS: ReadonlySet<unknown> = new Set(['transaction', 'preparedTransaction', 'progress', 'copyBatch']);

function describe(kind: unknown): string {
  if (GROUPS.has(kind)) return 'a transaction';
  return kind === 'xlogData' ? 'data of another output plugin' : 'a value that is no message';
}

/** Creates the error for a value that is no message of pgoutput, for example the result of a `map`. */
export function createNotAMessageError(operator: string, value: unknown, remedy: string): ConfigError {
  const kind = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;
  return new ConfigError(operator, `expected messages of pgoutput, got ${describe(kind)}; ${remedy}`);
}
