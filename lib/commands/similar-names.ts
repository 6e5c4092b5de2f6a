import { ReplicationError } from '../common/errors';
import { findNearest } from '../common/option-reader';
import { runQuery, type ProtocolRoutine, type ResultRow } from './protocol-routine';

/** The maximum length of a name in the catalogs, in bytes: NAMEDATALEN in pg_config_manual.h without the NUL byte. */
const NAME_BYTES = 63;
/** The maximum number of names that are fetched, and that a hint shows. */
const MAX_COMPARED = 200;
const MAX_SHOWN = 5;

/** Creates a hint for missing publications: similar names, or the names of other publications and databases. */
export function* suggestPublications(missing: readonly string[]): ProtocolRoutine<string> {
  const rows = yield* lookUp(
    `SELECT pubname AS name FROM pg_catalog.pg_publication ORDER BY pubname LIMIT ${MAX_COMPARED}`,
  );
  const known = getNames(rows);
  const hints = missing.flatMap((name) => createHint(name, known) ?? []);
  return hints.length > 0 ? hints.join(' ') : yield* describeOtherDatabases(known);
}

/** Creates a hint for a missing slot. */
export function* suggestSlot(missing: string): ProtocolRoutine<string> {
  const sql = `SELECT slot_name AS name FROM pg_catalog.pg_replication_slots WHERE slot_type = 'logical' LIMIT ${MAX_COMPARED}`;
  const known = getNames(yield* lookUp(sql));
  return createHint(missing, known) ?? '';
}

/** Creates the error for a missing slot, with similar names. */
export function* createSlotMissingError(slot: string): ProtocolRoutine<ReplicationError> {
  const error = new ReplicationError('SLOT_MISSING', `Replication slot "${slot}" does not exist`);
  return addHint(error, yield* suggestSlot(slot));
}

export function addHint(error: ReplicationError, hint: string): ReplicationError {
  return hint === '' ? error : error.withCode(error.code, { remedy: `${hint} ${error.remedy}` });
}

function createHint(name: string, known: readonly string[]): string | undefined {
  const cut = known.find((one) => one !== name && one === cutOff(name));
  if (cut !== undefined) return `Use ${JSON.stringify(cut)}: the server truncates names to ${NAME_BYTES} bytes.`;
  const otherCase = known.find((one) => one.toLowerCase() === name.toLowerCase());
  if (otherCase !== undefined) return `Did you mean ${JSON.stringify(otherCase)}? Names are case-sensitive.`;
  const meant = findNearest(name, known);
  return meant === undefined ? undefined : `Did you mean ${JSON.stringify(meant)}?`;
}

/** Truncates a name as the server does: not within a character. */
function cutOff(name: string): string {
  const bytes = Buffer.from(name);
  if (bytes.length <= NAME_BYTES) return name;
  let end = NAME_BYTES;
  // All bytes of a UTF-8 character except the first begin with the bits 10.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}

/** Lists publications and databases: a publication belongs to a database, and is not visible from another one. */
function* describeOtherDatabases(known: readonly string[]): ProtocolRoutine<string> {
  const rows = yield* lookUp(
    `SELECT datname AS name, datname = current_database() AS here FROM pg_catalog.pg_database
      WHERE datallowconn AND NOT datistemplate ORDER BY datname LIMIT ${MAX_COMPARED}`,
  );
  const here = rows.find((row) => row['here'] === 't');
  if (!here) return '';
  const has = known.length === 0 ? 'no publications' : `the publications ${formatNames(known)}`;
  const others = getNames(rows.filter((row) => row !== here));
  const elsewhere =
    others.length === 0 ? '' : `; it may be in another database of this server, as ${formatNames(others)}`;
  return `Database ${JSON.stringify(here['name'])} has ${has}${elsewhere}.`;
}

function getNames(rows: readonly ResultRow[]): string[] {
  return rows.flatMap(({ name }) => (name ? [name] : []));
}

function formatNames(names: readonly string[]): string {
  const first = names.slice(0, MAX_SHOWN).map((name) => JSON.stringify(name));
  return names.length > MAX_SHOWN ? `${first.join(', ')} and ${names.length - MAX_SHOWN} more` : first.join(', ');
}

/** Runs a query for a hint. A failure of the query must not replace the error that the hint is for. */
function* lookUp(sql: string): ProtocolRoutine<readonly ResultRow[]> {
  try {
    return yield* runQuery(sql);
  } catch (error) {
    if (error instanceof ReplicationError) return [];
    throw error;
  }
}
