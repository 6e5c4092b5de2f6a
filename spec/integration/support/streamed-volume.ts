import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import type { TestBed } from './bed';
import type { Reading, Word } from './streamed-volume-reader';

export const MB = 1e6;
/** The size of each row's content, and of the whole row. */
const CONTENT = 1000;

/** The resources used by {@link volume}. */
export const VOLUME_TABLES = 'CREATE TABLE big (id int, content text); CREATE PUBLICATION pub FOR TABLE big;';

export interface Volume extends Reading {
  /** For creating the rows on the server. */
  readonly writing: number;
  /** From the end of the command that creates the rows to the end of reading. */
  readonly waiting: number;
}

/** Lets a separate process read one transaction with this number of rows of 1 kB, while they are created. */
export async function volume(bed: TestBed, rows: number): Promise<Volume> {
  const config = { ...bed.config(await bed.slot()), streaming: 'on' };
  const args = ['--import', 'tsx', join(__dirname, 'streamed-volume-reader.ts'), JSON.stringify(config)];
  const child = spawn(process.execPath, args, {
    cwd: resolve(__dirname, '../../..'),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit');
  const said = async <E extends Word['event']>(event: E): Promise<Extract<Word, { event: E }>> => {
    const word = await Promise.race([once(child, 'message'), exited]);
    const message = word[0] as Word | number | null;
    if (typeof message !== 'object' || message?.event !== event) throw new Error(`The reader ended before ${event}`);
    return message as Extract<Word, { event: E }>;
  };
  await said('open');
  const started = performance.now();
  await bed.sql(`INSERT INTO big SELECT g, repeat('x', ${CONTENT}) FROM generate_series(1, ${rows}) g`);
  const written = performance.now();
  const reading = await said('read');
  const read = performance.now();
  await exited;
  return { ...reading, writing: (written - started) / 1000, waiting: (read - written) / 1000 };
}

/** Formats the figures. */
export function describeVolume({
  rows,
  baseline,
  peak,
  writing,
  streaming,
  iterating,
  waiting,
  blocks,
}: Volume): string {
  const size = (rows * CONTENT) / MB;
  const speed = (seconds: number): string => `${seconds.toFixed(1)} s (${Math.round(size / seconds)} MB/s)`;
  return (
    `${size} MB in ${blocks} blocks: written in ${writing.toFixed(1)} s, streamed in ${speed(streaming)}, ` +
    `iterated over in ${speed(iterating)}, done ${waiting.toFixed(1)} s after its commit; ` +
    `${Math.round(baseline / MB)} MB of memory at first, ${Math.round(peak / MB)} MB at most`
  );
}
