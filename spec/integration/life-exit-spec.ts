import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { join, resolve } from 'node:path';
import type { PgoutputConfig } from '../../lib/index';
import { uniqueName } from '../support/server';
import { fetchBackends, marked, waitForNoBackends, NUMBERS } from './support/life';
import { TestBed, waitUntil } from './support/bed';

const CLOSE_TIMEOUT = 2000;

let bed: TestBed;

beforeAll(async () => {
  bed = await TestBed.make('exit', NUMBERS);
});

afterAll(() => bed.drop());

/** Runs life-program.ts in a separate process. */
class Program {
  readonly #child: ChildProcess;
  readonly #ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
  readonly #said: unknown[] = [];

  constructor(what: string, config: PgoutputConfig) {
    const args = ['--import', 'tsx', join(__dirname, 'support/life-program.ts'), what, JSON.stringify(config)];
    const child = spawn(process.execPath, args, {
      cwd: resolve(__dirname, '../..'),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    child.on('message', (word) => this.#said.push(word));
    this.#child = child;
    const { stdout: out, stderr: err } = child;
    this.#ended = Promise.all([once(child, 'exit'), out && text(out), err && text(err)]).then(
      ([[code], stdout, stderr]) => ({ code: code as number | null, stdout: stdout ?? '', stderr: stderr ?? '' }),
    );
  }

  async says(word: string): Promise<void> {
    if (this.#said.includes(word)) return;
    const ended = this.#ended.then(({ stderr }) => {
      throw new Error(`The program ended before it said "${word}": ${stderr}`);
    });
    for (;;) {
      await Promise.race([once(this.#child, 'message'), ended]);
      if (this.#said.includes(word)) return;
    }
  }

  /** Tells it to unsubscribe. @returns how long its process ran after that, in ms by a `LoopClock` */
  async leave(): Promise<number> {
    this.#child.send('leave');
    const { code, stdout, stderr } = await this.#ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return Number(stdout);
  }
}

const configOf = (slot: string, more: Partial<PgoutputConfig> = {}): PgoutputConfig =>
  bed.config(slot, { closeTimeout: CLOSE_TIMEOUT, ...more });

describe('a process exits by itself after unsubscribing', () => {
  it('while the server does not respond', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const reached = once(silent, 'connection');
    const program = new Program('stream', configOf('none', { connection: { host: '127.0.0.1', port } }));
    await reached;
    await program.says('subscribed');
    expect(await program.leave()).toBeLessThan(1000);
    silent.close();
  });

  it('while a slot is being created, by a stream and by createSlot', async () => {
    const client = await bed.database.client();
    await client.query('BEGIN; INSERT INTO numbers VALUES (-1)');
    await Promise.all(
      ['stream', 'createSlot'].map(async (what) => {
        const slot = uniqueName('slot');
        const { name, connection } = marked(bed.database.url);
        const program = new Program(what, configOf(slot, { connection, ensureSlot: true }));
        await waitUntil(
          () => fetchBackends(bed.server, name),
          (rows) => rows.some(({ query }) => query.startsWith('CREATE_REPLICATION_SLOT')),
        );
        expect(await program.leave()).toBeLessThan(1000);
        await waitForNoBackends(bed.server, name);
        expect(await bed.sql('SELECT FROM pg_replication_slots WHERE slot_name = $1', [slot])).toEqual([]);
      }),
    );
    await client.query('ROLLBACK');
    await client.end();
  });

  it('while idle, and while the window is full', async () => {
    const slots = [await bed.slot(), await bed.slot()] as const;
    await bed.sql('INSERT INTO numbers SELECT g FROM generate_series(1, 1000) g');
    await Promise.all([
      (async () => {
        const program = new Program('stream', configOf(slots[0], { maxUnacked: 100_000 }));
        await program.says('commit');
        expect(await program.leave()).toBeLessThan(1000);
        await bed.released(slots[0]);
      })(),
      (async () => {
        const program = new Program('paused', configOf(slots[1], { maxUnacked: 10 }));
        await program.says('paused');
        expect(await program.leave()).toBeLessThan(1000);
        await bed.released(slots[1]);
      })(),
    ]);
  });

  it('within a large transaction, within closeTimeout, and the slot is free', async () => {
    const slots = [await bed.slot(), await bed.slot(), await bed.slot()];
    await bed.sql(`INSERT INTO numbers SELECT g, repeat('x', 100) FROM generate_series(10001, 200000) g`);
    await Promise.all(
      [0, 300, CLOSE_TIMEOUT].map(async (closeTimeout, i) => {
        const program = new Program('paused', configOf(slots[i]!, { closeTimeout, maxUnacked: 10 }));
        await program.says('paused');
        expect(await program.leave()).toBeLessThan(closeTimeout + 1000);
        await bed.released(slots[i]!);
      }),
    );
  });
});

describe('a process exits by itself', () => {
  it('after a graceful stop', async () => {
    const slot = await bed.slot();
    await bed.sql('INSERT INTO numbers VALUES (300001)');
    const program = new Program('stopOn', configOf(slot));
    await program.says('transaction');
    expect(await program.leave()).toBeLessThan(1000);
    expect(await bed.sql('SELECT FROM pg_replication_slots WHERE slot_name = $1 AND active', [slot])).toEqual([]);
  });

  it('after an error', async () => {
    const program = new Program('stream', configOf('nowhere'));
    await program.says('error');
    expect(await program.leave()).toBeLessThan(1000);
  });
});
