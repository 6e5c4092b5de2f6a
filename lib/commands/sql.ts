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

export interface CreateReplicationSlotOptions {
  readonly slot: string;
  readonly plugin: string;
  readonly temporary: boolean;
  /** From 15 on. */
  readonly twoPhase: boolean;
  /** From 17 on. */
  readonly failover: boolean;
  /** As in server_version_num. */
  readonly serverVersion: number;
}

/**
 * The command that creates a logical slot, without the snapshot that would otherwise be exported.
 *
 * PostgreSQL 15 introduced the option list; older servers accept only key words.
 */
export function buildCreateReplicationSlot(request: CreateReplicationSlotOptions): string {
  const { temporary, twoPhase, failover, serverVersion } = request;
  const slot = quoteIdentifier(requireNoNul(request.slot, 'slot'));
  const plugin = quoteIdentifier(requireNoNul(request.plugin, 'plugin'));
  const options = [
    "SNAPSHOT 'nothing'",
    ...(twoPhase ? ['TWO_PHASE true'] : []),
    ...(failover ? ['FAILOVER true'] : []),
  ];
  const how = serverVersion >= 150000 ? `(${options.join(', ')})` : 'NOEXPORT_SNAPSHOT';
  return `CREATE_REPLICATION_SLOT ${slot}${temporary ? ' TEMPORARY' : ''} LOGICAL ${plugin} ${how}`;
}

/** The changes of a slot. An undefined one leaves its property unchanged; at least one is required. */
export interface SlotChanges {
  /** From 17 on. */
  readonly failover: boolean | undefined;
  /** From 18 on. */
  readonly twoPhase: boolean | undefined;
}

/** The command that changes a slot, from 17 on. */
export function buildAlterReplicationSlot(slot: string, { failover, twoPhase }: SlotChanges): string {
  const options = [
    ...(failover === undefined ? [] : [`FAILOVER ${failover}`]),
    ...(twoPhase === undefined ? [] : [`TWO_PHASE ${twoPhase}`]),
  ];
  return `ALTER_REPLICATION_SLOT ${quoteIdentifier(requireNoNul(slot, 'slot'))} (${options.join(', ')})`;
}

/** The command that drops a slot. With `wait` it waits for the slot to become inactive instead of failing. */
export function buildDropReplicationSlot(slot: string, wait: boolean): string {
  return `DROP_REPLICATION_SLOT ${quoteIdentifier(requireNoNul(slot, 'slot'))}${wait ? ' WAIT' : ''}`;
}

/** The replication grammar supports only `''` as an escape: a backslash is an ordinary character, and it has no E'' literals. */
function quoteReplicationLiteral(text: string, option: string): string {
  return `'${requireNoNul(text, option).replaceAll("'", "''")}'`;
}

/** Names of other plugins' options, wal2json's `include-xids`, need quotes. */
function quoteOptionName(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : quoteIdentifier(name);
}
