import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Writable } from 'node:stream';

/**
 * A small process that stops a server and removes its folder as soon as the process that started it is gone, even if
 * killed, or when told so. Nothing else here removes or kills, so that it is the same code in all cases.
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
    // Nobody has to dispose of a server for the process to end: the end of the process does it.
    this.#child.unref();
  }

  /** From now on, this process has to be stopped first. At its end it removes the file `lock`, if it has one. */
  register(pid: number | undefined, signal: NodeJS.Signals, lock?: string): void {
    this.#child.stdin.write(`${JSON.stringify({ pid, signal, lock })}\n`);
  }

  unregister(): void {
    this.#child.stdin.write('null\n');
  }

  /** Has everything cleared up, and resolves when it is. */
  async finish(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.ref();
    this.#child.stdin.end();
    await once(this.#child, 'exit');
  }
}
