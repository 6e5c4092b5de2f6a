import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Writable } from 'node:stream';

/**
 * A small process that stops a server and removes its folder when the process that started it has ended, even if it was killed,
 * or on demand. Nothing else removes or kills, so that the same code runs in all cases.
 */
export class Cleanup {
  readonly #child: ChildProcessByStdio<Writable, null, null>;

  constructor(folder: string) {
    this.#child = spawn(process.execPath, [join(__dirname, 'clear-up.mjs'), folder], {
      cwd: '/',
      env: {},
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#child.on('error', () => undefined);
    this.#child.stdin.on('error', () => undefined);
    // A server need not be disposed of for this process to exit, because the exit disposes of it.
    this.#child.unref();
  }

  /** Registers a process to stop first. At its end, it removes the file `lock`, if any. */
  register(pid: number | undefined, signal: NodeJS.Signals, lock?: string): void {
    this.#child.stdin.write(`${JSON.stringify({ pid, signal, lock })}\n`);
  }

  unregister(): void {
    this.#child.stdin.write('null\n');
  }

  /** Cleans up, and resolves when that is complete. */
  async finish(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.ref();
    this.#child.stdin.end();
    await once(this.#child, 'exit');
  }
}
