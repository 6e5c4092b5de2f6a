import { requireNoNul } from '../wire/frontend';

/** Quotes an identifier: table, column, slot, publication. */
export function quoteIdentifier(name: string): string {
  return `"${requireNoNul(name, 'identifier').replaceAll('"', '""')}"`;
}

/**
 * Quotes text for SQL, whatever standard_conforming_strings says.
 *
 * Quotes are doubled, never escaped by a backslash: up to 14 a walsender runs SQL, too, through the scanner of the
 * replication grammar, which supports no other escape.
 */
export function quoteLiteral(text: string): string {
  const quoted = quoteReplicationLiteral(text, 'text');
  return quoted.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

/**
 * The text of pgoutput's option `publication_names`: quoted identifiers with commas between them.
 *
 * It is not a literal yet: {@link buildStartReplication} quotes the text of every option.
 */
export function quotePublicationNames(names: readonly string[]): string {
  return names.map((name) => quoteIdentifier(requireNoNul(name, 'publications'))).join(',');
}

/**
 * The command that starts the stream.
 *
 * @param lsn as text, `0/0` for the slot's own position
 * @param options the output plugin's options, as plain text: quoting is done here
 */
export function buildStartReplication(slot: string, lsn: string, options: Record<string, string>): string {
  const list = Object.entries(options).map(
    ([name, text]) => `${quoteOptionName(name)} ${quoteReplicationLiteral(text, `pluginOptions.${name}`)}`,
  );
  const command = `START_REPLICATION SLOT ${quoteIdentifier(requireNoNul(slot, 'slot'))} LOGICAL ${lsn}`;
  return list.length === 0 ? command : `${command} (${list.join(', ')})`;
}

/** The replication grammar supports only `''` as an escape: a backslash is an ordinary character, and it has no E'' literals. */
function quoteReplicationLiteral(text: string, option: string): string {
  return `'${requireNoNul(text, option).replaceAll("'", "''")}'`;
}

/** Names of other plugins' options, wal2json's `include-xids`, need quotes. */
function quoteOptionName(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : quoteIdentifier(name);
}
