import { obtainServer, type TestDatabase } from '../../spec/support/server';

/** A new, empty database for an example, and the slots that it made go with it. */
export interface ExampleDatabase extends TestDatabase {
  /** Which server it is on, in a line for people. */
  readonly server: string;
  /** Makes a second, empty one beside it, which goes with it. */
  another(): Promise<TestDatabase>;
  /** Drops the database and stops the server, if it was started for the example. */
  close(): Promise<void>;
}

/**
 * Makes a database on the server that `DATABASE_URL` names (as a superuser, with `wal_level = logical`), otherwise on
 * one that is started for the example and gone with it.
 */
export async function openDatabase(setup = ''): Promise<ExampleDatabase> {
  const server = await obtainServer('DATABASE_URL');
  try {
    const database = await server.createDatabase('example');
    const more: TestDatabase[] = [];
    if (setup) await database.query(setup);
    return {
      ...database,
      server: server.description,
      async another() {
        const made = await server.createDatabase('store');
        more.push(made);
        return made;
      },
      async close() {
        for (const one of [...more, database]) await one.drop();
        await server.dispose();
      },
    };
  } catch (error) {
    await server.dispose();
    throw error;
  }
}
