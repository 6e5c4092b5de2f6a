import type { BenchServer } from '../server';
import type { Workload } from '../workloads';

/**
 * What pgoutput writes for the workload: the same bytes that XLogData carries. Looking does not move the slot.
 *
 * Source: PostgreSQL manual, "Replication Management Functions", pg_logical_slot_peek_binary_changes.
 */
export async function record(server: BenchServer, { slot, publication }: Workload): Promise<Buffer[]> {
  // It shows only what is flushed. This commit waits for that.
  await server.execute(`SET LOCAL synchronous_commit = on; SELECT pg_logical_emit_message(true, 'bench', 'flushed')`);
  const rows = await server.query<{ data: Buffer }>(
    `SELECT data FROM pg_logical_slot_peek_binary_changes($1, NULL, NULL, 'proto_version', '1', 'publication_names', $2)`,
    [slot, publication],
  );
  return rows.map(({ data }) => data);
}
