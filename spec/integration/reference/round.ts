import { firstValueFrom } from 'rxjs';
import { createSlot } from '../../../lib/index';
import { Random } from '../../chaos/random';
import { FaultProxy } from '../../support/proxy';
import { uniqueName, type PostgresServer } from '../../support/server';
import { TestBed } from '../support/bed';
import { Applier } from './apply';
import { compare, type Comparison } from './compare';
import { PRELUDE, quote } from './kinds';
import { chooseReading, describeReading } from './options';
import { creation, SchemaGenerator } from './schema';
import { easier, findServerFault } from './server-fault';
import { AppliedStream, cutNowAndThen, Tally } from './stream';
import { Workload } from './workload';

/** The result of a seed. */
export interface Outcome extends Comparison {
  readonly seed: number;
  /** How each episode was read. */
  readonly readings: readonly string[];
  /** Transactions on the source: all, and those that failed because of another one. */
  readonly transactions: number;
  readonly failures: number;
  /** On the copy. */
  readonly applied: Pick<Applier, 'transactions' | 'prepared' | 'changes' | 'spooled' | 'redelivered'>;
  readonly met: Tally;
}

const SESSIONS = 4;

/** Runs a random workload on a database, and applies its stream to a copy that is empty at first. */
export async function round(server: PostgresServer, seed: number): Promise<Outcome> {
  const random = new Random(seed);
  const circumstances = { version: server.version, exact: random.chance(0.7), newTypes: random.chance(0.5) };
  const inventor = new SchemaGenerator(random, circumstances);
  const tables = Array.from({ length: random.between(2, 5) }, () => inventor.table());
  const setup = [PRELUDE, ...tables.map(creation)].join('; ');
  // Under the name of the root table, 14 sends null for the default that ADD COLUMN gave to older rows of a partition.
  const viaRoot = String(random.chance(0.5) && server.version >= 15);
  const publication = `CREATE PUBLICATION pub FOR ALL TABLES WITH (publish_via_partition_root = ${viaRoot})`;

  const source = await TestBed.make('reference', `${setup}; ${publication}`, server);
  const copy = await TestBed.make('reference', setup, server);
  const proxy = await FaultProxy.before(server.url);
  try {
    const slot = uniqueName('slot');
    let twoPhase = server.version >= 15 && random.chance(0.3);
    await firstValueFrom(createSlot({ connection: source.database.url, slot, twoPhase }));

    const clients = await Promise.all(Array.from({ length: SESSIONS }, () => source.database.client()));
    for (const client of clients) await client.query(`SET lock_timeout = '10ms'`);
    const workload = new Workload(random, inventor, tables, clients);

    const marks = new Set<string>();
    const applier = new Applier(copy.client, (content) => marks.add(content));
    const context = { source, slot, applier, store: random.chance(0.4), proxy, tally: new Tally() };
    const readings: string[] = [];

    const parts = random.between(2, 4);
    for (let part = 1; part <= parts; part++) {
      const reading = chooseReading(random, circumstances, twoPhase);
      ({ twoPhase } = reading);
      readings.push(describeReading(reading));
      // Part of the workload is done before the stream starts, and part during it.
      for (let steps = random.pick([0, 50]); steps > 0; steps--) await workload.step();

      let stream = new AppliedStream(context, reading);
      const over = new AbortController();
      const cutting = cutNowAndThen(new Random(random.between(0, 1e9)), context, over.signal);
      for (let steps = random.between(50, 200); steps > 0; steps--) await workload.step();
      if (part === parts) {
        await workload.settle();
        await workload.settlePrepared();
      }
      over.abort();
      await cutting;

      const mark = String(part);
      await source.sql(`SELECT pg_logical_emit_message(true, 'mark', '${mark}')`);
      try {
        await stream.until(() => marks.has(mark));
      } catch (error) {
        const fault = await findServerFault(error, context, reading);
        if (!fault) throw error;
        context.tally.serverFaults++;
        stream = new AppliedStream(context, fault === 'lasting' ? easier(reading) : reading);
        await stream.until(() => marks.has(mark));
      }
      await stream.end();
    }

    const { transactions, prepared, changes, spooled, redelivered } = applier;
    return {
      seed,
      readings,
      ...(await compare(source.client, copy.client)),
      transactions: workload.transactions,
      failures: workload.failures,
      applied: { transactions, prepared, changes, spooled, redelivered },
      met: context.tally,
    };
  } finally {
    await proxy.close();
    for (const bed of [source, copy]) await dropWithPrepared(bed);
  }
}

/** A database with prepared transactions, which a failure may leave, cannot be dropped. */
async function dropWithPrepared(bed: TestBed): Promise<void> {
  await bed.sql('ROLLBACK');
  const prepared = await bed.sql<{ gid: string }>(
    'SELECT gid FROM pg_prepared_xacts WHERE database = current_database()',
  );
  for (const { gid } of prepared) await bed.sql(`ROLLBACK PREPARED ${quote(gid)}`);
  await bed.drop();
}
