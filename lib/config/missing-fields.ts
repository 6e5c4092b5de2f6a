import { isRecord } from '../common/options';

/** What is rarely left out on purpose. What is shown of it is its name: it may hold a password. */
const TELLING = ['connectionString', 'host', 'hostaddr', 'port', 'user', 'database'];

const VARIABLE = 'is an environment variable missing?';
const DEFAULTS_USED = `was undefined or empty, so that PG* environment variables and defaults were used: ${VARIABLE}`;

/**
 * What to say of a connection that could not be made, where something of it was probably forgotten: `connection` itself or an
 * option of it is undefined, null or empty, or is the text that a template makes of such a value.
 *
 * @param connection the option, as it was given
 * @param found what the options, the connection string and the environment say together, as far as it may be shown
 */
export function describeMissingFields(
  connection: unknown,
  found: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const given = isRecord(connection) ? connection : {};
  const hasNothing = typeof connection !== 'string' && Object.values(given).every(isEmpty);
  const empty = TELLING.filter((name) => name in given && isEmpty(given[name]));
  if (empty.length > 0) return `${empty.map((name) => `connection.${name}`).join(', ')} ${DEFAULTS_USED}`;
  if (hasNothing) return `connection ${DEFAULTS_USED}`;
  const [name, text] = Object.entries(found).find(([, value]) => value === 'undefined' || value === 'null') ?? [];
  return name === undefined ? undefined : `The ${name} is the text "${text ?? ''}": ${VARIABLE}`;
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}
