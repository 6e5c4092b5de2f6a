import { EventEmitter } from 'node:events';
import * as fs from 'node:fs';
import * as timers from 'node:timers/promises';
import { format } from 'node:util';
import { runInThisContext } from 'node:vm';
import * as rxjs from 'rxjs';
import * as library from 'rxjs-pg-replication';
import ts from 'typescript';
import { waitUntil } from '../../integration/support/bed';

type Run = (
  require: (name: string) => unknown,
  exports: object,
  process: object,
  console: Pick<Console, 'log' | 'warn' | 'error'>,
) => void;

/**
 * Runs the program of a page, unchanged. It runs in this process, with a separate `process` and `console`, because on a busy
 * machine a process takes longer to start than the program takes to run.
 */
export class GuideProgram implements Disposable {
  readonly #process: EventEmitter & { readonly env: NodeJS.ProcessEnv; exitCode?: number };
  readonly #disposed = new rxjs.Subject<void>();
  output = '';
  errors = '';

  constructor(code: string, env: NodeJS.ProcessEnv) {
    this.#process = Object.assign(new EventEmitter(), { env });
    const { outputText } = ts.transpileModule(code, {
      compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
    });
    const run = runInThisContext(`(require, exports, process, console) => { ${outputText} }`) as Run;
    const log = (...values: unknown[]): void => void (this.output += `${format(...values)}\n`);
    const error = (...values: unknown[]): void => void (this.errors += `${format(...values)}\n`);
    run((name) => this.#require(name), {}, this.#process, { log, warn: error, error });
  }

  get exitCode(): number | undefined {
    return this.#process.exitCode;
  }

  /** Waits until it has printed a text. */
  async printed(what: RegExp): Promise<void> {
    await waitUntil(
      () => Promise.resolve(this.output),
      (output) => what.test(output),
    );
  }

  /** Emits SIGINT, as Ctrl-C in the terminal. */
  interrupt(): void {
    this.#process.emit('SIGINT');
  }

  /** Ends its streams, as the end of a process would. */
  [Symbol.dispose](): void {
    this.#disposed.next();
  }

  #require(name: string): unknown {
    const logicalReplication = (config: library.PgoutputConfig): rxjs.Observable<library.ReplicationMessage> =>
      library.logicalReplication(config).pipe(rxjs.takeUntil(this.#disposed));
    const modules: Record<string, unknown> = {
      rxjs,
      'rxjs-pg-replication': { ...library, logicalReplication },
      'node:fs': fs,
      'node:timers/promises': timers,
    };
    if (!(name in modules)) throw new Error(`The program imports ${name}, which is unknown here.`);
    return modules[name];
  }
}
