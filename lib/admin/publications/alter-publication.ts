import { map, type Observable } from 'rxjs';
import { resolveConnection } from '../../config/resolve-connection';
import type { ServerConfig } from '../../config/connection-options';
import { executeAlterPublication } from '../../commands/publication-commands';
import { runManagementCommand, readCommandOptions } from '../../connection/management-command';
import {
  readPublicationName,
  requireWholeTables,
  readTableClauses,
  type TableName,
  type PublicationTable,
} from './publication-options';

/** Options of {@link alterPublication}. Exactly one of the three lists is required. */
export interface AlterPublicationConfig extends ServerConfig {
  /** The publication's name. */
  readonly name: string;
  /** Tables to add. */
  readonly addTables?: readonly (TableName | PublicationTable)[] | undefined;
  /** Tables to remove. */
  readonly dropTables?: readonly TableName[] | undefined;
  /** Tables that replace the present ones. */
  readonly setTables?: readonly (TableName | PublicationTable)[] | undefined;
}

const ACTIONS = [
  ['addTables', 'ADD'],
  ['dropTables', 'DROP'],
  ['setTables', 'SET'],
] as const;

/**
 * Changes the tables of a publication. The change applies to a running stream for transactions that commit later. The role
 * must own the publication and the tables that it adds, and have the attribute REPLICATION.
 *
 * @returns a cold observable that emits the publication's name and completes; errors `PUBLICATION_MISSING`,
 * `PRIVILEGE_MISSING`, `UNSUPPORTED` if the server is too old for an option, `SERVER_ERROR` if it rejects the command
 * @example
 * await firstValueFrom(alterPublication({ connection: process.env.DATABASE_URL, name: 'pub', addTables: ['users'] }));
 */
export function alterPublication(config: AlterPublicationConfig): Observable<string> {
  const options = readCommandOptions(config, ['name', ...ACTIONS.map(([option]) => option)]);
  const name = readPublicationName(options);
  const [first, second] = ACTIONS.flatMap(([option, action]) => {
    const tables = readTableClauses(options, option);
    return tables ? [{ option, action, tables }] : [];
  });
  if (!first) throw options.error('addTables', 'missing; set addTables, dropTables or setTables');
  if (second) throw options.error(second.option, `cannot be combined with ${first.option}; remove one of the two`);
  const { action, tables } = first;
  if (action === 'DROP') requireWholeTables(options, 'dropTables', tables);
  return runManagementCommand(resolveConnection(options), (server) =>
    executeAlterPublication(name, action, tables, server.version),
  ).pipe(map(() => name));
}
