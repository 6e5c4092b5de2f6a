import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { formatLsn, toLsn, type Lsn } from '../common/lsn';
import type { AuthenticationMethod } from './authentication';
import { BackendProcess } from './backend-process';
import { FakeCluster } from './cluster';
import type { FaultProgram } from './faults';
import { TcpServerSocket, type FakeTls } from './tcp-server-socket';
import { perform, type Step } from './steps';

export interface FakeWalSenderOptions {
  /** Logical slots of pgoutput that exist; {@link FakeWalSender.addSlot} makes others. Default: none. */
  readonly slots?: readonly string[];
  /** Publications that exist. Default: none. */
  readonly publications?: readonly string[];
  /** Default: `postgres`. */
  readonly database?: string;
  /** What every client has to know, a token with `oauth`; {@link FakeWalSender.url} has it. Default: all are let in. */
  readonly password?: string;
  /**
   * How the password is asked for. `password` and `oauth` give it away as it is, so that a client answers them only behind
   * TLS, or where its `require_auth` names them, as that in {@link FakeWalSender.url} does. Default: `scram-sha-256`.
   */
  readonly authentication?: AuthenticationMethod;
  /**
   * With what it makes TLS, for whoever asks for it and, from PostgreSQL 17 on, for whoever starts with it; SCRAM then
   * offers channel binding. It listens on 127.0.0.1, which the certificate has to name for `sslmode=verify-full`. Default: it
   * has no TLS.
   *
   * @example
   * const server = await FakeWalSender.listen({ tls: { cert, key }, password: 'secret' });
   * const connection = { connectionString: server.url, ssl: { ca } };
   */
  readonly tls?: FakeTls;
  /** As server_version_num. Default: 180004, which is 18.4. */
  readonly serverVersion?: number;
  /**
   * wal_sender_timeout in ms: the server asks a silent client at half of it, and hangs up at the whole. Default: 60 000; 0:
   * never.
   */
  readonly walSenderTimeout?: number;
  /** The port on 127.0.0.1. Default: any that is free. */
  readonly port?: number;
}

export interface WaitOptions {
  /** The slot that it is about. */
  readonly slot?: string;
  /** In ms; then the wait rejects and says what is the matter. Default: 4000. */
  readonly timeout?: number;
}

/** The server version from which TLS may start without being asked for. */
const DIRECT_TLS = 170000;
/** Less than the 5 s that jest and others give a spec. */
const TIMEOUT = 4000;

/**
 * A PostgreSQL server for tests that knows nothing but logical replication: on loopback, in this process, ready within a
 * millisecond. It speaks the real protocol, plays faults by a script, and checks what its clients confirm.
 *
 * There is no SQL and there are no tables: what the WAL holds is what a spec commits. All state is open and may be changed
 * at any time, as {@link FakeCluster} describes it.
 *
 * @example
 * const orders = table('orders', { id: 'int4', total: 'numeric' });
 *
 * it('saves what is committed, also when the connection is lost', async () => {
 *   const server = await FakeWalSender.listen({ slots: ['orders'], publications: ['orders_pub'] });
 *   const saved: unknown[] = [];
 *   const subscription = logicalReplication({ connection: server.url, slot: 'orders', publications: ['orders_pub'] })
 *     .pipe(
 *       transactions(),
 *       ackAfter((tx) => saved.push(...tx.changes.map((change) => 'new' in change && change.new))),
 *       reconnect({ initialDelay: 10 }),
 *     )
 *     .subscribe();
 *
 *   try {
 *     await server.whenStreaming();
 *     await server.play({ cut: 100 }); // the connection ends 100 bytes further on, in the middle of a message
 *     const lsn = server.commit(transaction([orders.insert({ id: 1, total: '9.50' })]));
 *     await server.whenConfirmed(lsn);
 *     expect(saved).toEqual([{ id: 1, total: '9.50' }]);
 *     server.verify(); // throws if anything was confirmed that should not have been
 *   } finally {
 *     subscription.unsubscribe(); // or reconnect() tries for ever, and the test runner does not end
 *     await server.close();
 *   }
 * });
 */
export class FakeWalSender extends FakeCluster<BackendProcess> {
  readonly host = '127.0.0.1';
  /** May be changed at any time; holds for the connections that come. */
  tls: FakeTls | undefined;
  readonly #listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    this.#serve(socket);
  });
  readonly #sockets = new Set<Socket>();
  readonly #waiting = new Set<() => void>();
  readonly #programs: FaultProgram[] = [];
  #port = 0;
  #closed = false;

  private constructor(options: FakeWalSenderOptions) {
    super();
    const { slots = [], publications = [] } = options;
    this.database = options.database ?? this.database;
    this.serverVersion = options.serverVersion ?? this.serverVersion;
    this.walSenderTimeout = options.walSenderTimeout ?? this.walSenderTimeout;
    this.password = options.password;
    this.tls = options.tls;
    this.authentication = options.authentication ?? this.authentication;
    this.behaviour.keepalives = true;
    for (const name of publications) this.publications.add(name);
    for (const name of slots) this.addSlot(name);
  }

  /** Starts a server; resolves when it takes connections. */
  static async listen(options: FakeWalSenderOptions = {}): Promise<FakeWalSender> {
    const server = new FakeWalSender(options);
    await server.#listen(options.port ?? 0);
    return server;
  }

  get port(): number {
    return this.#port;
  }

  /**
   * The URI for `connection`, with the password if there is one; a token goes into `oauthToken`. Where the server asks for
   * one of them in clear text, and has no TLS, the URI has a `require_auth` that allows it, as without that a client refuses.
   */
  get url(): string {
    const { password, authentication } = this;
    const isToken = authentication === 'oauth';
    const secret = password === undefined || isToken ? '' : `:${encodeURIComponent(password)}`;
    const isInClear = password !== undefined && !this.tls && (isToken || authentication === 'password');
    const allowed = isInClear ? `?require_auth=${authentication}` : '';
    return `postgres://app${secret}@${this.host}:${this.#port}/${encodeURIComponent(this.database)}${allowed}`;
  }

  /** How many connections are open. */
  get open(): number {
    return this.#sockets.size;
  }

  /**
   * Plays steps in turn. What needs no time is done when this returns; the promise resolves after the last one.
   *
   * @example
   * await server.play({ stall: 50 }, { commit: tx }, { keepalive: { replyRequested: true } }, { wait: 100 }, { cut: 0 });
   */
  async play(...script: readonly (Step | FaultProgram)[]): Promise<void> {
    for (const part of script) {
      const isProgram = 'steps' in part;
      if (isProgram) this.#programs.push(part);
      for (const step of isProgram ? part.steps : [part]) {
        const waiting = this.#closed ? undefined : perform(this, step);
        if (waiting) await waiting;
      }
    }
  }

  /**
   * Resolves when somebody streams.
   *
   * @param options.slot default: any
   */
  async whenStreaming(options: WaitOptions = {}): Promise<void> {
    const { slot, timeout } = options;
    const wanted = slot === undefined ? undefined : this.slot(slot);
    await this.#until(
      () => this.connections.some((one) => one.streaming && (wanted === undefined || wanted.owner === one)),
      timeout,
      () => (slot === undefined ? 'nobody streams' : `nobody streams from slot "${slot}"`),
    );
  }

  /**
   * Resolves when a client has confirmed the position, or one behind it.
   *
   * @param lsn what {@link commit} returned, or `X/Y`
   * @param options.slot default: the first one
   */
  async whenConfirmed(lsn: Lsn | string, options: WaitOptions = {}): Promise<void> {
    const position = toLsn('lsn', lsn);
    const slot = this.slot(options.slot);
    await this.#until(
      () => slot.confirmedFlushLsn >= position,
      options.timeout,
      () => `the client has confirmed ${formatLsn(slot.confirmedFlushLsn)}, not ${formatLsn(position)}`,
    );
  }

  /**
   * Resolves when no connection is open.
   *
   * @param options.slot when nobody holds this slot, whatever else is open
   */
  async whenIdle(options: WaitOptions = {}): Promise<void> {
    const { slot: name, timeout } = options;
    const slot = name === undefined ? undefined : this.slot(name);
    await this.#until(
      () => (slot ? slot.owner === undefined : this.open === 0),
      timeout,
      () => (slot ? `slot "${name}" is active` : `${this.open} connections are open`),
    );
  }

  /**
   * @throws where a client did what would lose data or harm a real server, with all of {@link violations}, and the seeds of
   * the fault programs that were played
   */
  verify(): void {
    if (this.violations.length > 0) throw new Error(this.#explain('the clients broke the rules'));
  }

  /** Cuts all connections and listens no more. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const socket of this.#sockets) socket.destroy();
    this.#listener.close();
    await once(this.#listener, 'close');
    this.endWaiting();
  }

  /** @internal */
  override changed(): void {
    for (const look of this.#waiting) look();
  }

  async #listen(port: number): Promise<void> {
    this.#listener.listen(port, this.host);
    await once(this.#listener, 'listening');
    this.#port = (this.#listener.address() as AddressInfo).port;
  }

  #serve(socket: Socket): void {
    if (this.refusing) {
      socket.resetAndDestroy();
      return;
    }
    // A connection is known at once, before anything has come.
    const serverSocket = new TcpServerSocket(socket, this.#tlsFor(), this.serverVersion >= DIRECT_TLS, {
      data: (bytes) => {
        process.receive(bytes);
      },
      secured: (security) => {
        process.security = security;
      },
      ended: () => {
        process.close();
      },
    });
    const process = new BackendProcess(this, serverSocket, 1000 + this.connections.length);
    this.#sockets.add(socket);
    this.connected(process);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      process.disconnected();
    });
  }

  /** A server that is to answer something else makes no TLS. */
  #tlsFor(): FakeTls | undefined {
    return this.behaviour.answersSslRequest ? undefined : this.tls;
  }

  #until(condition: () => boolean, timeout: number | undefined, problem: () => string): Promise<void> {
    const ms = timeout ?? TIMEOUT;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
      };
      const look = (): void => {
        if (!condition()) return;
        settle();
        resolve();
      };
      const timer = setTimeout(() => {
        settle();
        reject(new Error(this.#explain(`After ${ms} ms ${problem()}`)));
      }, ms);
      this.#waiting.add(look);
      look();
    });
  }

  #explain(problem: string): string {
    const lines = this.violations.map(({ connection, message }) => `- connection ${connection} ${message}`);
    const seeds = this.#programs.map(({ seed }) => `faults(${seed})`);
    const played = seeds.length > 0 ? [`It played ${seeds.join(', ')}; the same seed makes the same faults.`] : [];
    return [`The fake walsender: ${problem}`, ...lines, ...played].join('\n');
  }
}
