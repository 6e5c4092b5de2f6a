import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { firstValueFrom, Subject, tap, type MonoTypeOperatorFunction, type Observable } from 'rxjs';
import {
  identifySystem,
  ReplicationError,
  type Acknowledgeable,
  type CloseInfo,
  type ConnectionOptions,
  type Lsn,
  type PgoutputConfig,
  type StatusUpdate,
} from '../../../lib/index';
import { uniqueName, type PostgresServer } from '../../support/server';
import { waitUntil } from './bed';

/** The table of most specs of endings and errors. */
export const NUMBERS = 'CREATE TABLE numbers (id int PRIMARY KEY, pad text); CREATE PUBLICATION pub FOR TABLE numbers';

/** The numbers from one to another. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/** Acknowledges every message. */
export function acknowledging<T extends Acknowledgeable>(): MonoTypeOperatorFunction<T> {
  return tap((delivery) => {
    delivery.ack();
  });
}

/** The error that ends a stream. Verifies that it is a ReplicationError. */
export function waitForFailure(source: Observable<unknown>): Promise<ReplicationError> {
  return new Promise((resolve, reject) => {
    source.subscribe({
      error: (error: unknown) => {
        if (error instanceof ReplicationError) resolve(error);
        else reject(new Error('The stream ended with an error that is not ours', { cause: error }));
      },
      complete: () => reject(new Error('The stream completed')),
    });
  });
}

/** Resolves when a stream completes, whatever it emits. */
export function waitForCompletion(source: Observable<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    source.subscribe({
      error: (error: unknown) => reject(new Error('The stream failed', { cause: error })),
      complete: () => resolve(),
    });
  });
}

/** A connection with a distinct application_name. */
export interface Marked {
  readonly name: string;
  readonly connection: ConnectionOptions;
}

export function marked(url: string, options: ConnectionOptions = {}): Marked {
  const name = uniqueName('life');
  return { name, connection: { connectionString: url, application_name: name, ...options } };
}

/** The processes that serve connections of this name. */
export function fetchBackends(server: PostgresServer, name: string): Promise<{ pid: number; query: string }[]> {
  return server.query(`SELECT pid, query FROM pg_stat_activity WHERE application_name = '${name}'`);
}

/** A `connectTimeout` in ms for specs in which only a later step may exceed it: ten times what connecting takes at present. */
export async function measureConnectTimeout(url: string): Promise<number> {
  const start = performance.now();
  await firstValueFrom(identifySystem({ connection: url }));
  return 300 + Math.ceil(10 * (performance.now() - start));
}

export async function waitForNoBackends(server: PostgresServer, name: string): Promise<void> {
  await waitUntil(
    () => fetchBackends(server, name),
    (rows) => rows.length === 0,
  );
}

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => /^(TCP|Pipe|TLS|GetAddrInfo)/.test(kind)).length;
}

/** Runs a function, and waits until all sockets that it has opened are closed. */
export async function expectNoSocketLeft<T>(work: () => Promise<T>): Promise<T> {
  const before = openSockets();
  const outcome = await work();
  await waitUntil(
    () => Promise.resolve(openSockets()),
    (now) => now <= before,
  );
  return outcome;
}

/** The events that the observers of a stream received. */
export class Observed {
  readonly statuses: StatusUpdate[] = [];
  readonly closes: CloseInfo[] = [];
  readonly #changed = new Subject<void>();

  /** The options that register the observers. */
  readonly observers: Pick<PgoutputConfig, 'statusObserver' | 'closeObserver'> = {
    statusObserver: { next: (status) => void this.statuses.push(status) },
    closeObserver: {
      next: (info) => {
        this.closes.push(info);
        this.#changed.next();
      },
    },
  };

  /** The flush position of the last status update. */
  get reported(): Lsn | undefined {
    return this.statuses.at(-1)?.confirmedLsn;
  }

  /** Resolves when this number of subscriptions has ended. */
  async closed(count = 1): Promise<CloseInfo> {
    while (this.closes.length < count) await new Promise<void>((resolve) => this.#changed.subscribe(() => resolve()));
    return this.closes[count - 1]!;
  }
}

/** A proxy that discards data on demand. */
export class Proxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #discards = false;

  private constructor(port: number, host: string) {
    this.#server = createServer((client) => {
      const upstream = connect({ host, port });
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.#sockets.add(from);
        from.on('error', () => undefined);
        from.on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
        from.on('data', (chunk: Buffer) => {
          if (!(this.#discards && from === client)) to.write(chunk);
        });
      }
    });
  }

  static async before(url: string): Promise<Proxy> {
    const { hostname, port } = new URL(url);
    const proxy = new Proxy(Number(port), hostname);
    await once(proxy.#server.listen(0, '127.0.0.1'), 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** From now on, the client's data is discarded. */
  discardClientData(): void {
    this.#discards = true;
  }

  /** Closes all connections; new ones work as before. */
  cut(): void {
    this.#discards = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
