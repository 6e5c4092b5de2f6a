import { waitUntil } from '../integration/support/bed';
import { startCopy } from '../support/replica';
import type { TestServer } from '../support/server';

/**
 * Creates a promoted standby: a server that continues from here on a new timeline, with the slots. It is a cold copy of the
 * data folder whose recovery ends immediately, so no replication is set up. `server` is stopped for the copy, and restarted.
 */
export async function promoteCopy(server: TestServer): Promise<TestServer> {
  const promoted = await startCopy(server, 'recovery.signal', {
    restore_command: 'false',
    recovery_target_action: 'promote',
  });
  // At first, it may be read-only.
  await waitUntil(
    () => promoted.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby'),
    ([row]) => row?.standby === false,
  );
  return promoted;
}
