import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { formatLsn, toLsn, type Lsn } from '../common/lsn';
import { BackendProcess } from './backend-process';
import { FakeCluster } from './cluster';
import { Conditions, type WaitOptions } from './conditions';
import type { FakeWalSenderOptions } from './fake-walsender-options';
import type { FaultProgram } from './faults';
import { TcpServerSocket, type FakeTls } from './tcp-server-socket';
import { performStep, type Step } from './steps';

/** The first server version in which TLS can start without an SSLRequest. */
const FIRST_VERSION_WITH_DIRECT_TLS = 170000;
/**
 * A PostgreSQL server for tests that supports only logical replication. It runs in this process, listens on loopback, and starts
 * within a millisecond. It speaks the wire protocol, plays scripts of faults, and checks what its clients confirm.
 *
 * There is no SQL and there are no tables: the WAL contains what a test commits. All state is public and may be changed at any
 * time, see {@link FakeCluster}.
 *
 * @example
 * const orders = table('orders', { id: 'int4', total: 'numeric' });
 *
 * it('saves committed changes after the connection is lost', async () => {
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
 *     await server.play({ cut: 100 }); // the connection ends after 100 more bytes, within a message
 *     const lsn = server.commit(transaction([orders.insert({ id: 1, total: '9.50' })]));
 *     await server.whenConfirmed(lsn);
 *     expect(saved).toEqual([{ id: 1, total: '9.50' }]);
 *     server.verify(); // throws if the client confirmed a position too early
 *   } finally {
 *     subscription.unsubscribe(); // otherwise reconnect() retries forever, and the test runner does not exit
 *     await server.close();
 *   }
 * });
 */
export class FakeWalSender extends FakeCluster<BackendProcess> {
  readonly host = '127.0.0.1';
  /** TLS for new connections. May be changed at any time. */
  tls: FakeTls | undefined;
  readonly #listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    this.#serve(socket);
  });
  readonly #sockets = new Set<Socket>();
  readonly #conditions = new Conditions();
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

  /** Starts a server. Resolves when it accepts connections. */
  static async listen(options: FakeWalSenderOptions = {}): Promise<FakeWalSender> {
    const server = new FakeWalSender(options);
    await server.#listen(options.port ?? 0);
    return server;
  }

  get port(): number {
    return this.#port;
  }

  /**
   * The URI for `connection`, with the password if there is one; set `oauthToken` for a token. If the server requires the secret
   * in clear text without TLS, the URI has a `require_auth` that allows it, because otherwise the client refuses to send it.
   */
  get url(): string {
    const { password, authentication } = this;
    const isToken = authentication === 'oauth';
    const secret = password === undefined || isToken ? '' : `:${encodeURIComponent(password)}`;
    const isInClear = password !== undefined && !this.tls && (isToken || authentication === 'password');
    const allowed = isInClear ? `?require_auth=${authentication}` : '';
    return `postgres://app${secret}@${this.host}:${this.#port}/${encodeURIComponent(this.database)}${allowed}`;
  }

  /** The number of open connections. */
  get open(): number {
    return this.#sockets.size;
  }

  /**
   * Plays steps in order. Steps that need no time are complete when this method returns; the promise resolves after the last step.
   *
   * @example
   * await server.play({ stall: 50 }, { commit: tx }, { keepalive: { replyRequested: true } }, { wait: 100 }, { cut: 0 });
   */
  async play(...script: readonly (Step | FaultProgram)[]): Promise<void> {
    for (const part of script) {
      const isProgram = 'steps' in part;
      if (isProgram) this.#programs.push(part);
      for (const step of isProgram ? part.steps : [part]) {
        const waiting = this.#closed ? undefined : performStep(this, step);
        if (waiting) await waiting;
      }
    }
  }

  /**
   * Resolves when a connection is streaming.
   *
   * @param options.slot default: any
   */
  async whenStreaming(options: WaitOptions = {}): Promise<void> {
    const { slot, timeout } = options;
    const wanted = slot === undefined ? undefined : this.slot(slot);
    await this.#waitUntil(
      () => this.connections.some((one) => one.streaming && (wanted === undefined || wanted.owner === one)),
      timeout,
      () => (slot === undefined ? 'no connection is streaming' : `no connection is streaming from slot "${slot}"`),
    );
  }

  /**
   * Resolves when a client has confirmed the position, or a later one.
   *
   * @param lsn the result of {@link commit}, or text of the form `X/Y`
   * @param options.slot default: the first one
   */
  async whenConfirmed(lsn: Lsn | string, options: WaitOptions = {}): Promise<void> {
    const position = toLsn('lsn', lsn);
    const slot = this.slot(options.slot);
    await this.#waitUntil(
      () => slot.confirmedFlushLsn >= position,
      options.timeout,
      () => `the client has confirmed ${formatLsn(slot.confirmedFlushLsn)}, not ${formatLsn(position)}`,
    );
  }

  /**
   * Resolves when no connection is open.
   *
   * @param options.slot waits only until this slot is not active
   */
  async whenIdle(options: WaitOptions = {}): Promise<void> {
    const { slot: name, timeout } = options;
    const slot = name === undefined ? undefined : this.slot(name);
    await this.#waitUntil(
      () => (slot ? slot.owner === undefined : this.open === 0),
      timeout,
      () => (slot ? `slot "${name}" is active` : `${this.open} connections are open`),
    );
  }

  /**
   * @throws if a client did something that would lose data or harm a real server; the error lists all {@link violations}, and the
   * seeds of the fault programs that were played
   */
  verify(): void {
    if (this.violations.length > 0) throw new Error(this.#formatProblem('clients violated the protocol'));
  }

  /** Closes all connections, and stops listening. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const socket of this.#sockets) socket.destroy();
    this.#listener.close();
    await once(this.#listener, 'close');
    this.runPendingActions();
  }

  /** @internal */
  override notifyChanged(): void {
    this.#conditions.check();
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
    // The connection is registered before any data is received.
    const serverSocket = new TcpServerSocket(
      socket,
      this.#chooseTls(),
      this.serverVersion >= FIRST_VERSION_WITH_DIRECT_TLS,
      {
        data: (bytes) => {
          process.receive(bytes);
        },
        secured: (security) => {
          process.security = security;
        },
        ended: () => {
          process.close();
        },
      },
    );
    const process = new BackendProcess(this, serverSocket, 1000 + this.connections.length);
    this.#sockets.add(socket);
    this.addConnection(process);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      process.handleDisconnect();
    });
  }

  /** Without TLS if `behaviour.answersSslRequest` replaces the response. */
  #chooseTls(): FakeTls | undefined {
    return this.behaviour.answersSslRequest ? undefined : this.tls;
  }

  #waitUntil(condition: () => boolean, timeout: number | undefined, problem: () => string): Promise<void> {
    return this.#conditions.wait(
      condition,
      timeout,
      (ms) => new Error(this.#formatProblem(`After ${ms} ms ${problem()}`)),
    );
  }

  #formatProblem(problem: string): string {
    const lines = this.violations.map(({ connection, message }) => `- connection ${connection} ${message}`);
    const seeds = this.#programs.map(({ seed }) => `faults(${seed})`);
    const played =
      seeds.length > 0 ? [`Fault programs played: ${seeds.join(', ')}. The same seed creates the same faults.`] : [];
    return [`The fake walsender: ${problem}`, ...lines, ...played].join('\n');
  }
}
