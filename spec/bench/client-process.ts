import { spawn, type ChildProcess } from 'node:child_process';
import type { NodeClient } from './clients';
import type { ClientCommand, ClientEvent } from './clients/task';
import { compiled, plainEnvironment } from './compiled';

type Heard<Name extends ClientEvent['event']> = Extract<ClientEvent, { readonly event: Name }>;

/** The process of a client. */
export class ClientProcess {
  readonly #name: string;
  readonly #child: ChildProcess;
  #output = '';

  constructor({ name, file, args }: NodeClient) {
    this.#name = name;
    this.#child = spawn(process.execPath, [compiled(`clients/${file}`), ...args], {
      env: plainEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const hear = (text: Buffer): void => {
      this.#output += text.toString();
    };
    this.#child.stdout?.on('data', hear);
    this.#child.stderr?.on('data', hear);
  }

  say(command: ClientCommand): void {
    this.#child.send(command);
  }

  /** Resolves with the client's next message, which must be of this kind. Call it before the message is triggered. */
  hears<Name extends ClientEvent['event']>(name: Name, within: number): Promise<Heard<Name>> {
    return new Promise((resolve, reject) => {
      const fail = (what: string): void => settle(() => reject(new Error(`${this.#name} ${what}\n${this.#output}`)));
      const settle = (outcome: () => void): void => {
        clearTimeout(timer);
        this.#child.off('message', message).off('close', closed).off('error', failed);
        outcome();
      };
      const message = (event: ClientEvent): void => {
        if (is(event, name)) settle(() => resolve(event));
        else fail(`said "${event.event}" where "${name}" was due.`);
      };
      const closed = (code: number | null): void => fail(`ended (${code ?? 'killed'}) before it was "${name}".`);
      const failed = (error: Error): void => fail(String(error));
      const timer = setTimeout(() => fail(`was not "${name}" within ${within / 1000} s.`), within);
      this.#child.on('message', message).on('close', closed).on('error', failed);
    });
  }

  /** Kills the process if it is still running. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await exited;
  }
}

function is<Name extends ClientEvent['event']>(event: ClientEvent, name: Name): event is Heard<Name> {
  return event.event === name;
}
