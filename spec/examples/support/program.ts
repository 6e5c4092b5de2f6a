import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export const ROOT = resolve(__dirname, '../../..');

/** What decides how a program prints or where it connects: a user has none of it set, unless the spec says so. */
const NOT_INHERITED = /^(?:DATABASE_URL|FORCE_COLOR|NO_COLOR|PG[A-Z]+|SPEC_RUN_.*)$/;

/** ms that a program has for what it is waited for: less than jest's own, so that the program is stopped properly. */
const PATIENCE = 60_000;

export interface Outcome {
  readonly status: number | null;
  readonly output: string;
  readonly errors: string;
}

/** A program in a process of its own, started as from a shell, its output in a pipe. */
export class Program {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<number | null>;
  #output = '';
  #errors = '';

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const inherited = Object.entries(process.env).filter(([name]) => !NOT_INHERITED.test(name));
    // A process group of its own stands for the terminal's.
    this.#child = spawn(command, args, {
      cwd: ROOT,
      detached: true,
      env: { ...Object.fromEntries(inherited), ...env },
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#errors += text));
    this.#ended = once(this.#child, 'close').then(([status]) => status as number | null);
  }

  static example(file: string, args: readonly string[] = [], env?: NodeJS.ProcessEnv): Program {
    return new Program(process.execPath, ['--import', 'tsx', join(ROOT, 'examples', file), ...args], env);
  }

  get output(): string {
    return this.#output;
  }

  /** Waits until it has printed something. */
  async printed(what: RegExp): Promise<void> {
    const deadline = performance.now() + PATIENCE;
    while (!what.test(this.#output)) {
      if (this.#child.exitCode !== null || performance.now() > deadline) {
        throw new Error(`Has not printed ${what.source}:\n${this.#output}\n${this.#errors}`);
      }
      await delay(20);
    }
  }

  /** What Ctrl-C in the terminal does. */
  interrupt(): void {
    this.#signal('SIGINT');
  }

  async outcome(): Promise<Outcome> {
    const status = await this.#ended;
    return { status, output: this.#output, errors: this.#errors };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#signal('SIGKILL');
    await this.#ended;
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#child.pid === undefined) throw new Error('The program could not be started.');
    process.kill(-this.#child.pid, signal);
  }
}

/** A folder for temporary files that shows what a program leaves there. */
export class TemporaryFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'example-spec-'));

  constructor() {
    // PostgreSQL may run as another user.
    chmodSync(this.path, 0o755);
  }

  get servers(): string[] {
    return readdirSync(this.path).filter((name) => name.startsWith('pg-spec-'));
  }

  async emptied(): Promise<void> {
    while (this.servers.length > 0) await delay(20);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
