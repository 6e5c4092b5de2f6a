import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { ProxyLink, type FrameFilter, type Side } from './proxy-link';

export type { FrameFilter, Side } from './proxy-link';

/**
 * Stands between clients and a PostgreSQL server, and does to their connections what networks do. It reads the frames
 * of the protocol (so there is no TLS through it): one may look at each, withhold it, put others beside it, or cut there.
 */
export class FaultProxy {
  readonly #server: Server;
  readonly #links = new Set<ProxyLink>();
  /** Where connections lead that are made from now on. */
  target: { readonly host: string; readonly port: number };
  /** Sees every frame, of all connections, made before or after it was set. */
  filter: FrameFilter | undefined;
  /** In ms, both ways. */
  delay = 0;
  /** Whether new connections are turned away. */
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

  /** Ends all connections: `fin` as a peer that leaves, `rst` as one that crashed. */
  cut(how: 'fin' | 'rst'): void {
    for (const link of this.#links) link.cut(how);
  }

  /** Ends them in the middle of a frame, perhaps, as soon as so many more bytes have gone to the client. */
  cutAfter(bytes: number): void {
    for (const link of this.#links) link.cutAfter(bytes);
  }

  /** The peer on that side seems to have said its last word, while it still reads. */
  halfClose(side: Side): void {
    for (const link of this.#links) link.halfClose(side);
  }

  /**
   * From now on the connections that stand carry nothing, not even an end: to either side the other one is silently gone.
   * New ones work.
   */
  stall(): void {
    for (const link of this.#links) link.stall();
  }

  /** Sends the client something in the server's name. */
  inject(...frames: readonly Buffer[]): void {
    for (const link of this.#links) link.inject(frames);
  }

  async close(): Promise<void> {
    this.cut('rst');
    this.#server.close();
    await once(this.#server, 'close');
  }
}
