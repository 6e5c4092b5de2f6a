import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { ackAfter, parseLsn, reconnect, transactions, type AnyReplicationMessage } from '../../lib/index';
import { startServer, type TestServer } from '../support/server';
import { TestBed, Recorder } from './support/bed';
import {
  insert,
  formatUnit,
  prepare,
  readUnits,
  since15,
  TABLES,
  twoPhaseSlot,
  twoPhaseStream,
} from './support/two-phase';

let server: TestServer;
let bed: TestBed;
const programs = new Set<Program>();

beforeAll(async () => {
  server = await startServer();
});

// A crash ends its connections.
beforeEach(async () => {
  bed = await TestBed.make('crash', TABLES, server);
});

afterAll(async () => {
  await Promise.all([...programs].map((program) => program.kill()));
  await server.dispose();
});

const there = (): TestBed => bed;

/** Runs two-phase-program.ts in a separate process. */
class Program {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(slot: string, what: 'acknowledge' | 'hold') {
    const config = JSON.stringify({ ...bed.config(slot), twoPhase: true, statusInterval: 100 });
    const args = ['--import', 'tsx', join(__dirname, 'support/two-phase-program.ts'), config, what];
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const;
    this.#child = spawn(process.execPath, args, { cwd: resolve(__dirname, '../..'), stdio: [...stdio] });
    this.#child.on('message', (line: string) => this.lines.push(line));
    this.#ended = once(this.#child, 'exit');
    programs.add(this);
  }

  /** Resolves with everything reported up to this line. */
  async says(line: string): Promise<string[]> {
    while (!this.lines.includes(line)) {
      const said = await Promise.race([once(this.#child, 'message'), this.#ended.then(() => undefined)]);
      if (!said) throw new Error(`The program ended before it said ${line}`);
    }
    return this.lines.slice(0, this.lines.indexOf(line) + 1);
  }

  async kill(): Promise<void> {
    programs.delete(this);
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}

since15(
  there,
  'what was acknowledged before the client was killed does not come again, and what was not does',
  async () => {
    const slots = [await twoPhaseSlot(bed), await twoPhaseSlot(bed)] as const;
    await bed.sql(prepare('one', insert(1)));
    const position = await bed.position();
    const first = [new Program(slots[0], 'acknowledge'), new Program(slots[1], 'hold')] as const;
    for (const program of first) await program.says('prepare one: 1');
    await bed.confirmedAtLeast(slots[0], position);
    for (const program of first) await program.kill();
    await bed.sql(`COMMIT PREPARED 'one'`);
    await bed.sql(insert(2));
    for (const slot of slots) await bed.released(slot);

    const second = slots.map((slot) => new Program(slot, 'acknowledge'));
    const lines = await Promise.all(second.map((program) => program.says('2')));
    expect(lines).toEqual([
      ['commit one', '2'],
      ['prepare one: 1', 'commit one', '2'],
    ]);
    await Promise.all(second.map((program) => program.kill()));
  },
);

since15(
  there,
  'what was acknowledged before the server crashed does not come again to the stream that has it',
  async () => {
    const slot = await twoPhaseSlot(bed);
    const recorder = new Recorder(
      twoPhaseStream(bed, slot).pipe(
        transactions<AnyReplicationMessage>(),
        ackAfter((unit) => [formatUnit(unit)]),
        reconnect({ initialDelay: 10, attemptObserver: { next: () => undefined } }),
      ),
    );
    await bed.sql(prepare('two', insert(3)));
    const position = await bed.position();
    await recorder.find((line) => line === 'prepare two: 3');
    await bed.confirmedAtLeast(slot, position);
    await server.restart('immediate');
    await bed.database.query(`COMMIT PREPARED 'two'`);
    await bed.database.query(insert(4));
    await recorder.find((line) => line === '4');
    expect(recorder.values).toEqual(['prepare two: 3', 'commit two', '4']);
    recorder.unsubscribe();
  },
);

since15(there, 'what was not acknowledged before the server crashed comes whole', async () => {
  const slot = await twoPhaseSlot(bed);
  const recorder = new Recorder(twoPhaseStream(bed, slot).pipe(transactions<AnyReplicationMessage>()));
  await bed.sql(prepare('three', insert(5, 6)));
  await recorder.find((unit) => unit.kind === 'preparedTransaction');
  await server.restart('immediate');
  await expect(recorder.completed()).rejects.toMatchObject({ retryable: true });
  await bed.database.query(`COMMIT PREPARED 'three'`);
  const [row] = await bed.database.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn');
  const units = await readUnits(bed, slot, parseLsn(row?.lsn ?? ''));
  expect(units.map(formatUnit)).toEqual(['prepare three: 5,6', 'commit three']);
});
