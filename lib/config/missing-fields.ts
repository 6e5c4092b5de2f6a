import { isRecord } from '../common/option-reader';

/** Options that are rarely empty on purpose. The message shows only their names: a value may contain a password. */
const RARELY_EMPTY = ['connectionString', 'host', 'hostaddr', 'port', 'user', 'database'];

const VARIABLE = 'check for a missing environment variable.';
const DEFAULTS_USED = `undefined or empty, so PG* environment variables and defaults were used; ${VARIABLE}`;

/**
 * Describes options that were probably forgotten, for the error of a failed connection: `connection` or a member of it is
 * undefined, null or empty, or is the text "undefined" or "null", which a template makes of such a value.
 *
 * @param connection the option as given
 * @param found the resolved values that a message may show
 */
export function describeMissingFields(
  connection: unknown,
  found: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const given = isRecord(connection) ? connection : {};
  const hasNothing = typeof connection !== 'string' && Object.values(given).every(isEmpty);
  const empty = RARELY_EMPTY.filter((name) => name in given && isEmpty(given[name]));
  if (empty.length > 0)
    return `${empty.map((name) => `connection.${name}`).join(', ')} ${empty.length === 1 ? 'was' : 'were'} ${DEFAULTS_USED}`;
  if (hasNothing) return `connection was ${DEFAULTS_USED}`;
  const [name, text] = Object.entries(found).find(([, value]) => value === 'undefined' || value === 'null') ?? [];
  return name === undefined ? undefined : `The ${name} is the text "${text ?? ''}"; ${VARIABLE}`;
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}
