/**
 * A server's slot and its clients, one after the other, for the model of sessions: what is sent, delivered and confirmed,
 * and what has to hold of it at all times.
 */
import { Delivery } from '../../../lib/ledger/acknowledgement';
import { ConnectionError } from '../../../lib/common/errors';
import type { StreamMessage } from '../../../lib/pgoutput/messages/messages';
import type { SlotStatus } from '../../../lib/commands/slot-commands';
import { ResumeState } from '../../../lib/commands/resume-state';
import { createStateResumePoint } from '../../../lib/commands/start-position';
import { KEEPALIVE } from '../../../lib/wire/replication-messages';
import {
  buildCommandComplete,
  buildCopyDone,
  buildKeepalive,
  buildReadyForQuery,
  buildXlogData,
} from '../../../lib/testing/backend-messages';
import {
  buildBegin,
  buildCommit,
  buildInsert,
  buildLogicalMessage,
  buildRelation,
} from '../../../lib/testing/payloads';
import { LedgerDelivery } from './delivering-ledger';
import { createSession, stopAfter, stopBefore, type SessionFixture } from '../../stream/session/support/fake-host';
import { expectSame, NaiveLedger, type Item, type Piece } from './naive-ledger';

/** What stands in the server's WAL: a transaction, or (without changes) a logical message outside any. */
interface Logged {
  /** What decides whether it is sent again: the start of its commit record, or of its own. */
  readonly start: bigint;
  readonly end: bigint;
  readonly changes: number | undefined;
}

/** How a subscriber behaves. */
export interface ConnectionStyle {
  readonly window: number;
  readonly gathering: boolean;
  /** Every so many deliveries are acknowledged at once; 0 for none. */
  readonly prompt: number;
  /** ms that each delivery takes. */
  readonly handler: number;
}

/** The server: its WAL, its slot, and what a client may not do to it. */
class Server {
  readonly log: Logged[] = [];
  wal = 1000n;
  confirmedFlush = 1000n;
  /** What the slot goes back to when the server crashes. */
  saved = 1000n;

  write(gap: bigint, changes: number | undefined): void {
    const start = this.wal + gap;
    const end = start + 0x30n;
    this.log.push({ start, end, changes });
    this.wal = end;
  }

  /** Where a stream starts that asks for a position: one below the slot's own is forwarded to it. */
  getStreamStart(position: bigint): bigint {
    return position > this.confirmedFlush ? position : this.confirmedFlush;
  }

  get slot(): SlotStatus {
    return {
      name: 'model',
      plugin: 'pgoutput',
      type: 'logical',
      database: 'db',
      temporary: false,
      active: false,
      activePid: undefined,
      inactiveSince: undefined,
      restartLsn: undefined,
      confirmedFlushLsn: this.confirmedFlush,
      walStatus: 'reserved',
      safeWalSize: undefined,
      conflicting: false,
      invalidationReason: undefined,
      twoPhase: false,
      twoPhaseAt: undefined,
      failover: false,
      synced: false,
      lagBytes: 0n,
    };
  }
}

/** One connection, its session, and the naive ledger of what was delivered over it. */
export class Connection {
  readonly naive: NaiveLedger;
  readonly fixture: SessionFixture;
  readonly deliveries = new Map<Piece, Delivery>();
  /** What in the log the naive ledger's items are. */
  readonly logged = new Map<Item, Logged>();
  /** Bytes on their way to the client. */
  wire: Buffer = Buffer.alloc(0);
  /** The messages in them and before them, by where they end. */
  readonly frames: { readonly end: number; readonly isKeepalive: boolean }[] = [];
  sentBytes = 0;
  receivedBytes = 0;
  /** How many things of the log were sent. */
  sent = 0;
  /** The highest position that the server has announced. */
  announced = 0n;
  messagesRead = 0;
  wakesDone = 0;
  delivered = 0;
  /** Without keepalives. */
  deliveredData = 0;
  lastStart = 0n;
  /** How many status updates were looked at, and where the last of them stood. */
  statusesChecked = 0;
  flushed = 0n;
  written = 0n;
  /** Where the slot stood as the stream began. */
  readonly slotLsn: bigint;
  last: StreamMessage | undefined;
  inside = false;
  ended: 'stopped' | 'released' | undefined;
  stopWanted: 'before' | 'after' | undefined;
  #relationSent = false;

  constructor(
    readonly world: World,
    readonly style: ConnectionStyle,
    /** Where the server started this stream; the slot may move on meanwhile. */
    readonly start: bigint,
  ) {
    const limits = { messages: style.window, bytes: Infinity };
    this.naive = new NaiveLedger(limits);
    this.slotLsn = world.server.confirmedFlush;
    this.fixture = createSession({ window: limits, slotLsn: this.slotLsn });
    this.fixture.host.onDeliver = (message) => this.take(message);
    this.fixture.session.read();
  }

  get over(): boolean {
    return this.fixture.host.outcome !== undefined;
  }

  /** How far a keepalive may reach: everything that commits before there has been sent. */
  get reach(): bigint {
    const next = this.toSend()[0];
    return next ? next.start : this.world.server.wal;
  }

  /** In the order of the log; what was sent is not sent again. */
  toSend(): Logged[] {
    return this.world.server.log.filter((logged) => logged.start >= this.start).slice(this.sent);
  }

  put(...frames: Buffer[]): void {
    for (const frame of frames) {
      this.wire = Buffer.concat([this.wire, frame]);
      this.sentBytes += frame.length;
      this.frames.push({ end: this.sentBytes, isKeepalive: frame[5] === KEEPALIVE });
    }
  }

  tell(walEnd: bigint, ask: boolean): void {
    this.put(buildKeepalive(walEnd, ask));
    if (walEnd > this.announced) this.announced = walEnd;
  }

  /** Sends what comes next in the log, with a keepalive in the middle of it. */
  sendNext(interruption: number | undefined): void {
    const next = this.toSend()[0];
    if (!next) return;
    this.sent++;
    const { start, end, changes } = next;
    if (changes === undefined) {
      this.put(buildXlogData(buildLogicalMessage({ transactional: false, lsn: end })));
    } else {
      this.put(buildXlogData(buildBegin({ commitLsn: start })));
      if (!this.#relationSent) this.put(buildXlogData(buildRelation()));
      this.#relationSent = true;
      for (let i = 0; i < changes; i++) {
        if (i === interruption) this.tell(end, true);
        this.put(buildXlogData(buildInsert([String(i), 'x'])));
      }
      this.put(buildXlogData(buildCommit({ commitLsn: start, endLsn: end })));
    }
    if (end > this.announced) this.announced = end;
  }

  /** The client is given so many bytes. */
  receive(count: number): void {
    const chunk = Buffer.from(this.wire.subarray(0, count));
    this.wire = this.wire.subarray(count);
    this.receivedBytes += chunk.length;
    this.fixture.receive(chunk);
  }

  /** The subscriber. */
  take(message: StreamMessage): boolean {
    const { naive, style } = this;
    expectSame<Record<string, unknown>>({ full: naive.full, ended: this.ended }, { full: false, ended: undefined });
    this.delivered++;
    if (message.kind !== 'keepalive') this.deliveredData++;
    this.last = message;
    this.fixture.host.time += style.handler;
    this.#record(message);
    if (style.prompt > 0 && this.delivered % style.prompt === 0) {
      const piece = naive.waiting.at(-1);
      if (piece) this.acknowledge(piece);
    }
    if (this.stopWanted === 'after' && !this.inside) this.stopAfter();
    naive.updateFull();
    return true;
  }

  #record(message: StreamMessage): void {
    const { naive, style } = this;
    switch (message.kind) {
      case 'begin':
        this.inside = true;
        naive.begin();
        this.#recordArrival(message.commitLsn);
        if (this.stopWanted === 'before') this.#stopBefore(message);
        break;
      case 'insert': {
        const piece = naive.change(1);
        this.deliveries.set(piece, message);
        if (!style.gathering) break;
        piece.gathered = true;
        Delivery.gather(message);
        break;
      }
      case 'commit': {
        this.inside = false;
        const piece = naive.commit(message.endLsn, 1);
        if (!piece) break;
        this.deliveries.set(piece, message);
        if (style.gathering) {
          const group = new LedgerDelivery();
          Delivery.attachGroup(message, group);
          this.deliveries.set(naive.group(), group);
        }
        break;
      }
      case 'message':
        this.deliveries.set(naive.message(message.lsn, 1), message);
        this.#recordArrival(message.lsn - 0x30n);
        if (this.stopWanted === 'before') this.#stopBefore(message);
        break;
      case 'keepalive':
        // A stop after it confirms only what the stop says.
        if (this.inside || this.stopWanted !== 'after') naive.keepalive(message.walEnd);
        break;
    }
  }

  /** Something of the log has come: for the first time in this session, in order, and not after it was done. */
  #recordArrival(start: bigint): void {
    const { world, naive } = this;
    const logged = world.server.log.find((logged) => logged.start === start);
    const item = naive.items.at(-1);
    if (!logged || !item) throw new Error('Nothing like this was written');
    expectSame(
      { inOrder: start > this.lastStart, doneBefore: world.done.has(logged) },
      { inOrder: true, doneBefore: false },
    );
    this.lastStart = start;
    this.logged.set(item, logged);
    world.delivered.add(logged);
  }

  #stopBefore(message: StreamMessage): void {
    this.naive.end = this.naive.items.length - 1;
    this.ended = 'stopped';
    stopBefore(message);
  }

  stopAfter(): void {
    if (!this.last || this.ended) return;
    this.naive.end = this.naive.items.length;
    this.ended = 'stopped';
    stopAfter(this.last);
  }

  acknowledge(piece: Piece): void {
    const delivery = this.deliveries.get(piece);
    const counts = piece.acked || this.naive.counts(piece);
    expectSame({ settled: delivery?.acknowledge() }, { settled: counts });
    piece.acked = counts;
  }

  release(): void {
    if (this.ended) return;
    this.ended = 'released';
    this.naive.closed = true;
    this.fixture.session.release();
  }

  /** The server reads what the client has sent until now. */
  serverReads(): void {
    const { server } = this.world;
    for (const sent of this.fixture.host.sent.slice(this.messagesRead)) {
      this.messagesRead++;
      if (sent.kind === 'status' && sent.flushed > server.confirmedFlush) server.confirmedFlush = sent.flushed;
      if (sent.kind === 'copyDone') {
        this.put(
          buildCopyDone(),
          buildCommandComplete('COPY 0'),
          buildCommandComplete('START_REPLICATION'),
          buildReadyForQuery(),
        );
      }
    }
  }

  disconnect(): void {
    // What was received is read first: the server may have sent the reason.
    while (!this.over && this.wakesDone < this.fixture.host.scheduledPumps) this.wake();
    if (this.over) return;
    this.world.check();
    this.naive.closed = true;
    this.fixture.session.disconnected();
  }

  wake(): void {
    this.wakesDone = this.fixture.host.scheduledPumps;
    this.fixture.session.read();
  }
}

/** What outlives a connection. */
export class World {
  readonly server = new Server();
  readonly memory = new ResumeState();
  readonly delivered = new Set<Logged>();
  /** What was acknowledged in full, and so was all before it: never to be seen again. */
  readonly done = new Set<Logged>();
  connection: Connection | undefined;

  subscribe(style: ConnectionStyle): void {
    this.leave();
    const { slot } = this.server;
    const { position } = this.memory;
    const identity = { systemId: 'one', timeline: 1, walPosition: this.server.wal, database: 'db' };
    // On the same timeline nothing has to be asked.
    if (position) createStateResumePoint(position, this.memory).check(identity, slot.name, slot).next();
    this.memory.recordStart(slot, identity);
    this.connection = new Connection(this, style, this.server.getStreamStart(position?.lsn ?? 0n));
  }

  /** The old connection ends, if it has not done so already, and the observable learns what was confirmed on it. */
  leave(): void {
    if (!this.connection) return;
    this.connection.disconnect();
    this.memory.recordConfirmed(this.connection.fixture.session.status.confirmedLsn);
  }

  /** Everything that has to hold at all times. */
  check(): void {
    const { connection } = this;
    if (!connection) return;
    const { naive, fixture } = connection;
    const { session, host } = fixture;
    const error = host.outcome?.error;
    // What fails within a delivery ends the session, and would pass unnoticed.
    if (error && !(error instanceof ConnectionError)) throw error;
    for (const item of naive.settledPrefix) {
      const logged = connection.logged.get(item);
      if (logged) this.done.add(logged);
    }
    const { status } = session;
    const { confirmed, messages } = naive;
    // Less than where the slot stands already is none of the server's business.
    const reported = confirmed < connection.slotLsn ? 0n : confirmed;
    expectSame({ confirmed: status.confirmedLsn, messages: status.unackedMessages }, { confirmed: reported, messages });
    this.#checkStatuses(connection);
    if (connection.over) return;

    const willWake = connection.wakesDone < host.scheduledPumps;
    const { paused: socketPaused, happened } = host;
    if (connection.ended === undefined) {
      const whole = connection.frames.filter(({ end }) => end <= connection.receivedBytes);
      const data = whole.filter(({ isKeepalive }) => !isKeepalive).length;
      // While work is in hand a keepalive may wait behind another; then the last one comes after all.
      const mayWait = naive.messages > 0 || !whole.at(-1)?.isKeepalive;
      const waits = naive.full || (socketPaused && willWake);
      const everything = connection.deliveredData === data && (mayWait || connection.last?.kind === 'keepalive');
      // It reads all there is, unless the window is full or a later turn will go on; the socket rests only then.
      expectSame(
        {
          paused: status.paused,
          readOn: everything || waits,
          socketPaused: socketPaused && !waits,
          full: naive.full && !socketPaused,
        },
        { paused: naive.full, readOn: true, socketPaused: false, full: false },
      );
    } else if (connection.ended === 'stopped' && !naive.settled) {
      const [completed, closing] = [happened.includes('complete'), happened.includes('closing')];
      expectSame({ completed, closing, socketPaused }, { completed: true, closing: false, socketPaused: true });
    } else if (!willWake) {
      expectSame({ closing: happened.includes('closing') }, { closing: true });
    }
  }

  #checkStatuses(connection: Connection): void {
    const { fixture, naive, announced } = connection;
    for (const { written, flushed, applied } of fixture.host.statuses.slice(connection.statusesChecked)) {
      const [back, writtenBack] = [flushed < connection.flushed, written < connection.written];
      expectSame(
        { applied, back, writtenBack, beyondWritten: flushed > written, beyondAnnounced: written > announced },
        { applied: flushed, back: false, writtenBack: false, beyondWritten: false, beyondAnnounced: false },
      );
      connection.flushed = flushed;
      connection.written = written;
      connection.statusesChecked++;
    }
    // What the server would not send again must have been done.
    const lost = this.server.log.some((logged) => logged.start < connection.flushed && !this.done.has(logged));
    expectSame({ beyond: connection.flushed > naive.confirmed, lost }, { beyond: false, lost: false });
  }

  /** The last subscription: takes all that is left, and leaves the slot at the end of the WAL. */
  finish(): void {
    this.subscribe({ window: 3, gathering: false, prompt: 1, handler: 0 });
    const { connection, server } = this;
    if (!connection) return;
    while (connection.toSend().length > 0) connection.sendNext(undefined);
    connection.tell(server.wal, true);
    connection.receive(connection.wire.length);
    for (let turn = 0; turn < 10_000 && connection.wakesDone < connection.fixture.host.scheduledPumps; turn++)
      connection.wake();
    connection.fixture.pass(1000);
    connection.serverReads();
    this.check();
    expect([...this.delivered].sort(compareStarts)).toEqual(server.log);
    expect(this.done.size).toBe(server.log.length);
    expect(server.confirmedFlush).toBe(server.wal);
  }
}

function compareStarts(a: Logged, b: Logged): number {
  return a.start < b.start ? -1 : 1;
}
