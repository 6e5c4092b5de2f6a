import { setTimeout as delay } from 'node:timers/promises';
import { uniqueName } from '../support/connection';
import type { BenchServer } from './server';
import type { Workload } from './workloads';

/** The maximum time in which a walsender notices that its client has disconnected. */
const PATIENCE = 10_000;

/** Calls `work` with a copy of the workload's slot, so that all clients drain the same WAL from the same position. */
export async function withSlotCopy<T>(
  server: BenchServer,
  workload: Workload,
  work: (slot: string) => Promise<T>,
): Promise<T> {
  const slot = uniqueName('copy');
  await server.query('SELECT pg_copy_logical_replication_slot($1, $2)', [workload.slot, slot]);
  try {
    return await work(slot);
  } finally {
    await drop(server, slot);
  }
}

async function drop(server: BenchServer, slot: string): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  while ((await walsenderOf(server, slot)) !== undefined) {
    if (performance.now() > deadline) throw new Error(`Slot ${slot} is still in use.`);
    await delay(5);
  }
  await server.query('SELECT pg_drop_replication_slot($1)', [slot]);
}

/** The process that streams from the slot. */
export async function walsenderOf(server: BenchServer, slot: string): Promise<number | undefined> {
  const [row] = await server.query<{ active_pid: number | null }>(
    'SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1',
    [slot],
  );
  return row?.active_pid ?? undefined;
}
