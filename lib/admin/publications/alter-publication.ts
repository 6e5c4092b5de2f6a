import { map, type Observable } from 'rxjs';
import { resolveConnection, type ServerConfig } from '../../config/connection';
import { executeAlterPublication as alter } from '../../commands/publication-commands';
import { runManagementCommand, readCommandOptions } from '../../connection/management-command';
import {
  readPublicationName,
  requireWholeTables,
  readTableClauses,
  type TableName,
  type PublicationTable,
} from './publication-options';

/** Which publication to alter, on which server, and how. Exactly one of the three lists has to be given. */
export interface AlterPublicationConfig extends ServerConfig {
  /** The publication's name. */
  readonly name: string;
  /** Tables to publish besides. */
  readonly addTables?: readonly (TableName | PublicationTable)[] | undefined;
  /** Tables to publish no longer. */
  readonly dropTables?: readonly TableName[] | undefined;
  /** The tables to publish from now on, in place of all others. */
  readonly setTables?: readonly (TableName | PublicationTable)[] | undefined;
}

const ACTIONS = [
  ['addTables', 'ADD'],
  ['dropTables', 'DROP'],
  ['setTables', 'SET'],
] as const;

/**
 * Changes the tables of a publication. A running stream follows: of changes that are committed later, it gets those that
 * the publication holds then. The role has to own the publication and the tables that it adds, and to have the attribute
 * REPLICATION.
 *
 * @returns a cold observable that emits the publication's name and completes; errors `PUBLICATION_MISSING`,
 * `PRIVILEGE_MISSING`, `UNSUPPORTED` where the server is too old for what is asked, `SERVER_ERROR` for what it objects to
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
  if (!first) throw options.error('addTables', 'missing; give addTables, dropTables or setTables');
  if (second) throw options.error(second.option, `cannot stand beside ${first.option}: one change at a time`);
  const { action, tables } = first;
  if (action === 'DROP') requireWholeTables(options, 'dropTables', tables);
  return runManagementCommand(resolveConnection(options), (server) => alter(name, action, tables, server.version)).pipe(
    map(() => name),
  );
}
