import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { ProxyLink, type FrameFilter, type Side } from './proxy-link';

export type { FrameFilter, Side } from './proxy-link';

/**
 * A proxy between clients and a PostgreSQL server that simulates network faults. It parses the frames of the protocol (so TLS
 * is not possible), which can be inspected, dropped, supplemented, or used to cut the connection.
 */
export class FaultProxy {
  readonly #server: Server;
  readonly #links = new Set<ProxyLink>();
  /** The target of new connections. */
  target: { readonly host: string; readonly port: number };
  /** Receives every frame of all connections, including those established before it was set. */
  filter: FrameFilter | undefined;
  /** In ms, in both directions. */
  delay = 0;
  /** Whether new connections are rejected. */
  refusing = false;

  private constructor(target: { host: string; port: number }) {
    this.target = target;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
      if (this.refusing) {
        client.resetAndDestroy();
        return;
      }
      const link = new ProxyLink(client, this.target, {
        filter: (frame, from) => this.filter?.(frame, from) ?? frame,
        delay: () => this.delay,
        closed: () => this.#links.delete(link),
      });
      this.#links.add(link);
    });
  }

  /** @param url of a server, or of a database on it */
  static async before(url: string): Promise<FaultProxy> {
    const { hostname, port } = new URL(url);
    const proxy = new FaultProxy({ host: hostname, port: Number(port || 5432) });
    await once(proxy.#server.listen(0, '127.0.0.1'), 'listening');
    return proxy;
  }

  /** The same database, through the proxy. */
  through(url: string): string {
    const changed = new URL(url);
    changed.hostname = '127.0.0.1';
    changed.port = String((this.#server.address() as AddressInfo).port);
    changed.searchParams.set('sslmode', 'disable');
    return changed.href;
  }

  get connections(): number {
    return this.#links.size;
  }

  /** Closes all connections: `fin` as a peer that closes, `rst` as one that crashed. */
  cut(how: 'fin' | 'rst'): void {
    for (const link of this.#links) link.cut(how);
  }

  /** Closes them after this number of further bytes to the client, possibly within a frame. */
  cutAfter(bytes: number): void {
    for (const link of this.#links) link.cutAfter(bytes);
  }

  /** Ends one side of the connection, which still reads. */
  halfClose(side: Side): void {
    for (const link of this.#links) link.halfClose(side);
  }

  /**
   * From now on, existing connections forward nothing, not even an end: each side appears to have disappeared. New ones work.
   */
  stall(): void {
    for (const link of this.#links) link.stall();
  }

  /** Sends data to the client as if it came from the server. */
  inject(...frames: readonly Buffer[]): void {
    for (const link of this.#links) link.inject(frames);
  }

  async close(): Promise<void> {
    this.cut('rst');
    this.#server.close();
    await once(this.#server, 'close');
  }
}
