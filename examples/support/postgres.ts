import { obtainServer, type TestDatabase } from '../../spec/support/server';

/** A new, empty database for an example. Dropping it drops the slots created in it. */
export interface ExampleDatabase extends TestDatabase {
  /** A description of its server. */
  readonly server: string;
  /** Creates a second, empty database, which is dropped with the first. */
  another(): Promise<TestDatabase>;
  /** Drops the database, and stops the server if it was started for the example. */
  close(): Promise<void>;
}

/**
 * Creates a database on the server of `DATABASE_URL` (as a superuser, with `wal_level = logical`), or on a server that is
 * started for the example.
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
