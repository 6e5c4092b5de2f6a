import type { BenchServer } from '../server';
import type { Workload } from '../workloads';

/**
 * Records pgoutput's output for the workload: the same bytes that XLogData contains. Peeking does not move the slot.
 *
 * Source: PostgreSQL manual, "Replication Management Functions", pg_logical_slot_peek_binary_changes.
 */
export async function record(server: BenchServer, { slot, publication }: Workload): Promise<Buffer[]> {
  // The function returns only flushed WAL. This commit waits for the flush.
  await server.execute(`SET LOCAL synchronous_commit = on; SELECT pg_logical_emit_message(true, 'bench', 'flushed')`);
  const rows = await server.query<{ data: Buffer }>(
    `SELECT data FROM pg_logical_slot_peek_binary_changes($1, NULL, NULL, 'proto_version', '1', 'publication_names', $2)`,
    [slot, publication],
  );
  return rows.map(({ data }) => data);
}
