import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import type { ProgramClient } from './clients';
import type { Bare } from './clients/task';
import { plainEnvironment } from './compiled';
import { timesOf, type ProcessTimes } from './process-stat';
import type { Sample } from './sample';
import type { BenchServer, Endpoint } from './server';
import { walsenderOf, withSlotCopy } from './slot-copy';
import type { Workload } from './workloads';

/**
 * The interval of reading /proc, in ms. The processor time of up to this interval is missing, because /proc has no data of a
 * process that has ended. This is too much for a small run, and negligible in a full one.
 */
const LOOK = 20;

const checked = new WeakMap<BenchServer, Set<string>>();

/**
 * Lets pg_recvlogical drain a workload to /dev/null, up to the end that a bare socket has found. The time is that of the
 * process, from start to end. Its output is counted once per workload, in a run that is not measured.
 */
export async function drainByProgram(
  server: BenchServer,
  workload: Workload,
  client: ProgramClient,
  endpoint: Endpoint,
  bare: Bare,
): Promise<Sample> {
  const known = checked.get(server) ?? new Set<string>();
  checked.set(server, known);
  if (!known.has(workload.name)) {
    await checkBytes(server, workload, client, bare);
    known.add(workload.name);
  }
  return withSlotCopy(server, workload, async (slot) => {
    const started = performance.now();
    const child = start(client, endpoint, workload, slot, bare, '/dev/null');
    const ended = endOf(child);
    const [program, walsender] = await look(server, slot, child, ended);
    const wallMs = (await ended) - started;
    await checkPosition(server, slot, bare);
    const total = program?.totalMicros ?? 0;
    const systemMicros = total * (program?.systemShare ?? 0);
    return {
      client: client.name,
      workload: workload.name,
      changes: workload.changes,
      wallMs,
      clientUserMicros: total - systemMicros,
      clientSystemMicros: systemMicros,
      serverMicros: walsender?.totalMicros,
      peakRssBytes: program?.peakRssBytes,
    };
  });
}

function start(
  { path }: ProgramClient,
  { host, port, user, database, ca }: Endpoint,
  { publication }: Workload,
  slot: string,
  { end }: Bare,
  file: string,
): ChildProcess {
  const plugin = ['-o', 'proto_version=1', '-o', `publication_names=${publication}`];
  const connection = ['-h', host, '-p', String(port), '-U', user, '-d', database, '--no-password'];
  return spawn(path, [...connection, '-S', slot, '--start', '-f', file, '--endpos', end, '--no-loop', ...plugin], {
    // By default, libpq would use TLS if the server supports it.
    env: { ...plainEnvironment(), PGSSLMODE: ca === undefined ? 'disable' : 'require', PGGSSENCMODE: 'disable' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** @returns when it ended */
function endOf(child: ChildProcess): Promise<number> {
  let complaint = '';
  let exited = 0;
  child.stderr?.on('data', (text: Buffer) => (complaint += text.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => (exited = performance.now()));
    child.once('close', (code) => {
      if (code === 0) resolve(exited);
      else reject(new Error(`pg_recvlogical failed (${code ?? 'killed'}): ${complaint}`));
    });
  });
}

/** The last reading of the program and of its walsender. */
async function look(
  server: BenchServer,
  slot: string,
  child: ChildProcess,
  ended: Promise<unknown>,
): Promise<[program: ProcessTimes | undefined, walsender: ProcessTimes | undefined]> {
  let program: ProcessTimes | undefined;
  let walsender: ProcessTimes | undefined;
  let pid: number | undefined;
  const finished = ended.then(() => true);
  while (!(await Promise.race([finished, delay(pid === undefined ? 1 : LOOK, false)]))) {
    pid ??= await walsenderOf(server, slot);
    program = (await timesOf(child.pid)) ?? program;
    walsender = (await timesOf(pid)) ?? walsender;
  }
  return [program, walsender];
}

async function checkBytes(server: BenchServer, workload: Workload, client: ProgramClient, bare: Bare): Promise<void> {
  await withSlotCopy(server, workload, async (slot) => {
    const child = start(client, server.tcp, workload, slot, bare, '-');
    let bytes = 0;
    child.stdout?.on('data', (chunk: Buffer) => (bytes += chunk.length));
    await endOf(child);
    if (bytes === bare.bytes) return;
    throw new Error(`pg_recvlogical wrote ${bytes} bytes of ${workload.name}, which has ${bare.bytes}.`);
  });
}

/** Before it exits, it confirms what it has written. */
async function checkPosition(server: BenchServer, slot: string, { end }: Bare): Promise<void> {
  const [row] = await server.query<{ reached: boolean }>(
    'SELECT confirmed_flush_lsn >= $2::pg_lsn AS reached FROM pg_replication_slots WHERE slot_name = $1',
    [slot, end],
  );
  if (!row?.reached) throw new Error(`pg_recvlogical ended before ${end}.`);
}
