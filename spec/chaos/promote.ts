import { eventually } from '../integration/support/bed';
import { startCopy } from '../support/replica';
import type { TestServer } from '../support/server';

/**
 * What a promoted standby is: a server that goes on from here on a new timeline, slots and all. It is made from a cold copy
 * of the data folder, whose recovery ends at once, so that no replication has to be set up. `server` is stopped for it,
 * and started again.
 */
export async function promoteCopy(server: TestServer): Promise<TestServer> {
  const promoted = await startCopy(server, 'recovery.signal', {
    restore_command: 'false',
    recovery_target_action: 'promote',
  });
  // For a moment it only lets one read.
  await eventually(
    () => promoted.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby'),
    ([row]) => row?.standby === false,
  );
  return promoted;
}
