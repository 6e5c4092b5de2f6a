import { ClientProcess } from './client-process';
import { clientNamed, type BenchClient, type NodeClient } from './clients';
import type { Bare, Done } from './clients/task';
import { drainByProgram } from './pg-recvlogical';
import { timesOf } from './process-stat';
import type { Sample } from './sample';
import type { BenchServer, Endpoint } from './server';
import { walsenderOf, withSlotCopy } from './slot-copy';
import type { Counts, Workload } from './workloads';

/** Timeouts for starting and ending programs, in ms. */
const START = 30_000;
const END = 30_000;
/** The lowest throughput that does not time out, in changes per ms. */
const SLOWEST = 5;

/**
 * Lets `client` drain the workload once, in a separate process, from a copy of the workload's slot.
 *
 * A walsender reads on after the end of the workload, so no other data should be on its server.
 *
 * @param endpoint default: TCP
 * @throws if the client did not deliver exactly the workload, which makes the measurement void
 */
export function drain(
  server: BenchServer,
  workload: Workload,
  client: BenchClient,
  endpoint: Endpoint = server.tcp,
): Promise<Sample> {
  if (client.missing !== undefined) throw new Error(`${client.name} cannot be measured: ${client.missing}.`);
  return client.kind === 'node'
    ? withSlotCopy(
        server,
        workload,
        async (slot) => (await drainByNode(server, workload, client, endpoint, slot)).sample,
      )
    : survey(server, workload).then((bare) => drainByProgram(server, workload, client, endpoint, bare));
}

const surveys = new WeakMap<BenchServer, Map<string, Promise<Bare>>>();

/**
 * Determines the end of the workload and its size in bytes with a bare socket. The first call drains it once, which also warms
 * up the server; the result is cached.
 */
export function survey(server: BenchServer, workload: Workload): Promise<Bare> {
  const known = surveys.get(server) ?? new Map<string, Promise<Bare>>();
  surveys.set(server, known);
  const asked = known.get(workload.name) ?? bareDrain(server, workload);
  known.set(workload.name, asked);
  return asked;
}

async function bareDrain(server: BenchServer, workload: Workload): Promise<Bare> {
  const client = clientNamed('bare');
  if (client.kind !== 'node') throw new Error('The bare socket is a program of Node.');
  const { bare } = (
    await withSlotCopy(server, workload, (slot) => drainByNode(server, workload, client, server.tcp, slot))
  ).done;
  if (!bare) throw new Error('The bare socket did not say what it saw.');
  return bare;
}

async function drainByNode(
  server: BenchServer,
  workload: Workload,
  client: NodeClient,
  endpoint: Endpoint,
  slot: string,
): Promise<{ sample: Sample; done: Done }> {
  const process = new ClientProcess(client);
  try {
    await process.hears('ready', START);
    const { publication, changes } = workload;
    const drained = process.hears('done', START + changes / SLOWEST);
    process.say({ command: 'drain', task: { endpoint, slot, publication, changes } });
    const done = await drained;
    const walsender = await walsenderOf(server, slot);
    if (walsender === undefined) throw new Error(`${client.name} is not connected any more.`);
    const times = await timesOf(walsender);
    await checkTls(server, walsender, endpoint);
    const leaving = process.hears('left', END);
    process.say({ command: 'leave' });
    const { counts } = await leaving;
    checkCounts(client.name, workload, counts);
    return {
      done,
      sample: {
        client: client.name,
        workload: workload.name,
        changes,
        wallMs: done.wallMs,
        clientUserMicros: done.userMicros,
        clientSystemMicros: done.systemMicros,
        serverMicros: times?.totalMicros,
        peakRssBytes: done.peakRssBytes,
      },
    };
  } finally {
    await process.end();
  }
}

/** Encryption costs both sides, and clients have different defaults for it. */
async function checkTls(server: BenchServer, walsender: number, { ca }: Endpoint): Promise<void> {
  const [row] = await server.query<{ ssl: boolean }>('SELECT ssl FROM pg_stat_ssl WHERE pid = $1', [walsender]);
  if (row?.ssl !== (ca !== undefined)) throw new Error(`The connection ${row?.ssl ? 'is' : 'is not'} encrypted.`);
}

function checkCounts(client: string, { name, counts: expected }: Workload, counts: Counts): void {
  const shown = ({ insert, update, delete: deletes }: Counts): string =>
    `${insert} inserts, ${update} updates and ${deletes} deletes`;
  if (shown(counts) === shown(expected)) return;
  throw new Error(`${client} delivered ${shown(counts)} of ${name}, which has ${shown(expected)}.`);
}
