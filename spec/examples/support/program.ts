import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export const ROOT = resolve(__dirname, '../../..');

/** Variables that affect output or the connection. They are unset unless the spec sets them. */
const NOT_INHERITED = /^(?:DATABASE_URL|FORCE_COLOR|NO_COLOR|PG[A-Z]+|SPEC_RUN_.*)$/;

/** How long the spec waits for a program, in ms: less than jest's timeout, so that the program is stopped properly. */
const TIMEOUT = 60_000;

export interface Outcome {
  readonly status: number | null;
  readonly output: string;
  readonly errors: string;
}

/** A program in a separate process, started as from a shell, with its output in a pipe. */
export class Program {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<number | null>;
  #output = '';
  #errors = '';

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const inherited = Object.entries(process.env).filter(([name]) => !NOT_INHERITED.test(name));
    // A process group of its own, as in a terminal.
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

  /** Waits until it has printed a text. */
  async printed(what: RegExp): Promise<void> {
    const deadline = performance.now() + TIMEOUT;
    while (!what.test(this.#output)) {
      if (this.#child.exitCode !== null || performance.now() > deadline) {
        throw new Error(`Has not printed ${what.source}:\n${this.#output}\n${this.#errors}`);
      }
      await delay(20);
    }
  }

  /** Sends SIGINT to the process group, as Ctrl-C in the terminal. */
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

/** A folder for temporary files, to check what a program leaves behind. */
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
