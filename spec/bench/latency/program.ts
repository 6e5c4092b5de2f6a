import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { compiled, plainEnvironment } from '../compiled';

/** A program of the bench that runs in a separate process and communicates by messages. */
export class Program<Order extends object, Answer> {
  readonly #process: ChildProcess;
  readonly #answers: Answer[] = [];
  #waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;
  #failure: Error | undefined;

  /** @param program its file in this folder, without the extension */
  constructor(program: string) {
    // Typed arrays are transferred unchanged.
    this.#process = fork(compiled(program), { env: plainEnvironment(), execArgv: [], serialization: 'advanced' });
    this.#process.on('message', (answer) => {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      if (waiting) waiting.resolve(answer as Answer);
      else this.#answers.push(answer as Answer);
    });
    this.#process.once('exit', (status, signal) => {
      this.#failure = new Error(`${program} ended before it was done (${signal ?? status ?? ''}).`);
      this.#waiting?.reject(this.#failure);
    });
  }

  order(order: Order): void {
    this.#process.send(order);
  }

  answer(): Promise<Answer> {
    const answer = this.#answers.shift();
    if (answer !== undefined) return Promise.resolve(answer);
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  }

  /** Resolves when the process has exited. It exits when its channel is closed. */
  async end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    if (this.#process.connected) this.#process.disconnect();
    await exited;
  }
}
