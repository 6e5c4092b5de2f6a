import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { range } from './support/life';
import type { Word } from './support/streamed-program';
import { connectionOf, insert, MANY, STREAMED, TABLES } from './support/streamed';
import { TestBed, ofKind } from './support/bed';

let bed: TestBed;
let folder: string;
const programs = new Set<Program>();

beforeAll(async () => {
  bed = await TestBed.make('stream_crash', TABLES);
  folder = mkdtempSync(join(tmpdir(), 'streamed-spec-'));
});

afterAll(async () => {
  await Promise.all([...programs].map((program) => program.kill()));
  rmSync(folder, { recursive: true });
  await bed.drop();
});

/** Runs streamed-program.ts in a separate process. */
class Program {
  readonly words: Word[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(slot: string) {
    const config = { ...bed.config(slot), connection: connectionOf(bed, STREAMED), streaming: 'on' };
    const args = ['--import', 'tsx', join(__dirname, 'support/streamed-program.ts'), JSON.stringify(config), folder];
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const;
    this.#child = spawn(process.execPath, args, { cwd: resolve(__dirname, '../..'), stdio: [...stdio] });
    this.#child.on('message', (word: Word) => this.words.push(word));
    this.#ended = once(this.#child, 'exit');
    programs.add(this);
  }

  async says(isSought: (word: Word) => boolean): Promise<void> {
    while (!this.words.some(isSought)) {
      const said = await Promise.race([once(this.#child, 'message'), this.#ended.then(() => undefined)]);
      if (!said) throw new Error('The program ended before it said so');
    }
  }

  async kill(): Promise<void> {
    programs.delete(this);
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}

it('a process that is killed while it spools leaves nothing of it, and another one gets the whole transaction once', async () => {
  const slot = await bed.slot();
  const first = new Program(slot);
  const client = await bed.database.client();
  await client.query('BEGIN');
  await client.query(insert(1));
  // Flushes all WAL.
  await bed.sql('INSERT INTO ticks VALUES (1)');
  await first.says((word) => 'spooling' in word && word.spooling === 1);
  expect(readdirSync(folder)).toEqual([]);
  await first.kill();
  expect(readdirSync(folder)).toEqual([]);
  await bed.released(slot);

  const second = new Program(slot);
  // The server streams again what it had decoded before the confirmed position only when there is more of the transaction.
  await client.query(insert(1001));
  await bed.sql('INSERT INTO ticks VALUES (2)');
  await second.says((word) => 'spooling' in word && word.spooling === 1);
  await client.query('COMMIT');
  await second.says((word) => 'ids' in word && word.ids.length > 1);
  await second.says((word) => 'spooling' in word && word.spooling === 0);
  const end = await bed.position();
  await bed.confirmedAtLeast(slot, end);
  await second.kill();
  await bed.released(slot);

  const large = [first, second].map(({ words }) =>
    words.flatMap((word) => ('ids' in word && word.ids.length > 1 ? [word.ids] : [])),
  );
  expect(large).toEqual([[], [[...range(1, MANY), ...range(1001, 1000 + MANY)]]]);
  // Nothing is left for a third process.
  await bed.sql('INSERT INTO rows VALUES (-1)');
  const rest = await bed.readTo(slot, await bed.position());
  expect(ofKind(rest, 'insert')).toMatchObject([{ new: { id: -1 } }]);
});
