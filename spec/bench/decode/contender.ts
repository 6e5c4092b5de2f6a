import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { compiled, plainEnvironment } from '../compiled';
import type { Digest } from './digest';
import type { Reply, Request, Timing } from './messages';

/** A parser in its own process, so that other parsers do not affect V8's optimization of its code. */
export class Contender {
  readonly #child: ChildProcess;

  private constructor(
    readonly parser: string,
    child: ChildProcess,
  ) {
    this.#child = child;
  }

  /** @returns undefined if the parser's package is not installed */
  static async start(parser: string, file: string): Promise<Contender | undefined> {
    // With UTC, a time without a zone is the same for parsers that convert it and for those that do not.
    const child = fork(compiled('decode/child'), [parser, file], {
      env: { ...plainEnvironment(), TZ: 'UTC' },
      execArgv: [],
    });
    const contender = new Contender(parser, child);
    const reply = await contender.#reply();
    if (reply.kind === 'ready') return contender;
    contender.stop();
    return undefined;
  }

  async digest(): Promise<Digest> {
    const reply = await this.#ask('digest');
    if (reply.kind !== 'digest') throw new Error(`${this.parser} answered "${reply.kind}".`);
    return reply;
  }

  async round(): Promise<Timing> {
    const reply = await this.#ask('round');
    if (reply.kind !== 'round') throw new Error(`${this.parser} answered "${reply.kind}".`);
    return reply;
  }

  stop(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  #ask(request: Request): Promise<Reply> {
    this.#child.send(request);
    return this.#reply();
  }

  async #reply(): Promise<Reply> {
    const given = new AbortController();
    const { signal } = given;
    try {
      return await Promise.race([
        once(this.#child, 'message', { signal }).then(([reply]) => reply as Reply),
        once(this.#child, 'exit', { signal }).then(() => {
          throw new Error(`${this.parser} ended before it answered.`);
        }),
      ]);
    } finally {
      given.abort();
    }
  }
}
