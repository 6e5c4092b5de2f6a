import type { SchedulerLike } from 'rxjs';
import type { Lsn } from '../../lib/common/lsn';
import type { Target } from '../../lib/net/target';
import type { Connect, Transport, TransportEvents } from '../../lib/net/transport';
import { BackendProcess } from '../../lib/testing/backend-process';
import { FakeCluster } from '../../lib/testing/cluster';
import type { FakeBehaviour, FakeSlot } from '../../lib/testing/server-state';
import type { ServerSocket } from '../../lib/testing/faulty-outbox';
import {
  buildBegin,
  buildCommit,
  buildInsert,
  buildRelation,
  type TransactionFields,
} from '../../lib/testing/payloads';
import type { WalTransaction } from '../../lib/testing/transaction';

export { buildResultSet as resultSet } from '../../lib/testing/commands';
export type FakeTransaction = WalTransaction;

export interface TransactionOptions extends TransactionFields {
  /** The names of inserted users; or their number. */
  rows?: number | readonly string[];
}

/** Inserts into `users (id, name)`. */
export function transaction({ rows = 1, ...fields }: TransactionOptions = {}): FakeTransaction {
  const { commitLsn = 0x100n, endLsn = commitLsn + 0x30n } = fields;
  const names = typeof rows === 'number' ? Array.from({ length: rows }, (_, i) => `row ${i}`) : rows;
  const changes = names.map((name, i) => buildInsert([String(i), name]));
  return {
    commitLsn,
    endLsn,
    payloads: [
      buildBegin({ ...fields, commitLsn }),
      buildRelation(),
      ...changes,
      buildCommit({ ...fields, commitLsn, endLsn }),
    ],
  };
}

/** A slot, with a short name for its position. */
export interface BackendSlot extends FakeSlot {
  confirmed: Lsn;
}

/** The behavior of the network. */
export interface NetworkBehaviour extends FakeBehaviour {
  /** false: the SYN gets no response. */
  reachable: boolean;
  /** The operating system's error instead of a connection. */
  refusal: Error | undefined;
}

/**
 * The fake server without a socket, which implements `Connect`. Its time is the scheduler's; each response is sent in a later
 * action, and data that a spec pushes is sent immediately.
 */
export class FakeBackend extends FakeCluster<FakeConnection> {
  override readonly behaviour: NetworkBehaviour = {
    reachable: true,
    refusal: undefined,
    answers: true,
    creationWaits: false,
    onCopyDone: 'reply',
    keepalives: false,
    answersTo: [],
  };

  constructor(scheduler: SchedulerLike) {
    super(scheduler);
    this.database = 'shop';
    this.walPosition = 0x5000n;
    this.publications.add('orders_pub');
    this.addSlot('orders');
  }

  override addSlot(name: string, slot: Partial<FakeSlot> = {}): BackendSlot {
    const made = super.addSlot(name, { confirmedFlushLsn: 0x80n, ...slot });
    return Object.defineProperty(made as BackendSlot, 'confirmed', {
      get: () => made.confirmedFlushLsn,
      set: (lsn: Lsn) => (made.confirmedFlushLsn = lsn),
    });
  }

  override slot(name?: string): BackendSlot {
    // addSlot has created all of them.
    return super.slot(name) as BackendSlot;
  }

  readonly connect: Connect = (target, events) => {
    const connection = new FakeConnection(this, target, events, 1000 + this.connections.length);
    this.addConnection(connection);
    return connection;
  };
}

const RESET = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });

/** The server's side of the connection. It buffers data that the client does not read. */
class ServerSide implements ServerSocket {
  held = false;
  /** Called when the client has been notified of the end. */
  closed: () => void = () => undefined;
  #unread: Buffer[] = [];
  #closing: { readonly cause: Error | undefined } | undefined;
  #over = false;

  constructor(
    private readonly events: TransportEvents,
    private readonly scheduler: SchedulerLike,
  ) {}

  write(bytes: Buffer): void {
    this.#unread.push(bytes);
    this.flow();
  }

  close(): void {
    this.#closing ??= { cause: undefined };
    this.flow();
  }

  reset(cause: Error = RESET): void {
    this.#unread = [];
    this.#closing = { cause };
    this.flow();
  }

  defer(callback: () => void): void {
    this.scheduler.schedule(callback);
  }

  /** The client has detached its listener. */
  leave(): void {
    this.#over = true;
  }

  flow(): void {
    while (!this.held && !this.#over) {
      const chunk = this.#unread.shift();
      if (!chunk) break;
      this.events.data(chunk);
    }
    if (!this.#closing || this.#unread.length > 0 || this.#over) return;
    this.#over = true;
    this.closed();
    this.events.closed(this.#closing.cause);
  }
}

/** A connection: the client's transport, and the server process. */
export class FakeConnection extends BackendProcess implements Transport {
  destroyed = false;
  ended = false;
  /** The number of timers that the client has neither cancelled nor seen fire. */
  timeouts = 0;
  readonly #wire: ServerSide;
  readonly #scheduler: SchedulerLike;

  constructor(
    server: FakeBackend,
    readonly target: Target,
    events: TransportEvents,
    processId: number,
  ) {
    const wire = new ServerSide(events, server.scheduler);
    super(server, wire, processId);
    this.#wire = wire;
    this.#scheduler = server.scheduler;
    wire.closed = () => {
      this.handleDisconnect();
    };
    const { reachable, refusal = server.refusing ? RESET : undefined } = server.behaviour;
    this.defer(() => {
      if (refusal) this.close(refusal);
      else if (reachable && !this.closed) events.connected({ kind: 'clear', address: '192.0.2.7' });
    });
  }

  /** Whether the client has paused the socket. */
  get paused(): boolean {
    return this.#wire.held;
  }

  /** Closes the connection: after all written data; with a cause immediately. */
  override close(cause?: Error): void {
    if (cause) this.#wire.reset(cause);
    super.close();
  }

  write(bytes: Buffer): void {
    this.receive(bytes);
  }

  pause(): void {
    this.#wire.held = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.#wire.held = false;
    this.defer(() => {
      this.#wire.flow();
    });
  }

  end(_ms: number): void {
    this.ended = true;
    this.#leave('end');
  }

  destroy(): void {
    this.destroyed = true;
    this.#leave('destroy');
  }

  defer(callback: () => void): void {
    this.#scheduler.schedule(callback, 0);
  }

  timeout(ms: number, callback: () => void): () => void {
    let pending = true;
    const settle = (): void => {
      if (pending) this.timeouts--;
      pending = false;
    };
    this.timeouts++;
    const action = this.#scheduler.schedule(() => {
      settle();
      callback();
    }, ms);
    return () => {
      settle();
      action.unsubscribe();
    };
  }

  elapsed(): number {
    return this.#scheduler.now();
  }

  #leave(how: string): void {
    this.log.push(how);
    this.#wire.leave();
    this.handleDisconnect();
  }
}
