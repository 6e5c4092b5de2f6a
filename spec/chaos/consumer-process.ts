import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { bundle } from './bundle';
import type { ConsumerCommand, ConsumerEvent, ConsumerOptions } from './events';

/** Controls a process of consumer.ts. */
export class ConsumerProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #stderr = '';

  /** @param hear receives all events of the process in order, also after it was killed */
  constructor(options: ConsumerOptions, hear: (event: ConsumerEvent) => void) {
    this.#child = spawn(process.execPath, [bundle('consumer'), JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const { stdout, stderr } = this.#child;
    if (!stdout || !stderr) throw new Error('A consumer has no output');
    stderr.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    const lines = createInterface({ input: stdout });
    lines.on('line', (line) => hear(JSON.parse(line) as ConsumerEvent));
    this.#ended = Promise.all([once(this.#child, 'close'), once(lines, 'close')]);
    this.#child.on('error', () => undefined);
  }

  get runs(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The output on stderr; empty unless something failed. */
  get stderr(): string {
    return this.#stderr;
  }

  send(command: ConsumerCommand): void {
    if (this.#child.connected) this.#child.send(command, () => undefined);
  }

  /** Resolves when all events up to now have been received. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** Resolves when the process has ended and all its events have been received. */
  get waitForExit(): Promise<unknown> {
    return this.#ended;
  }

  /** Waits until the process ends by itself and all its events are received. Returns false after this number of ms. */
  async exitsWithin(ms: number): Promise<boolean> {
    const inTime = await Promise.race([this.#ended.then(() => true), delay(ms, false, { ref: false })]);
    return inTime && this.#child.exitCode === 0;
  }
}
