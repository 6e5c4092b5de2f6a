import { Delivery, type AckHandle } from '../../../../lib/ledger/acknowledgement';
import type { StreamMessage } from '../../../../lib/pgoutput/messages/messages';
import { defaultTypes } from '../../../../lib/pgoutput/values/values';
import { createPayloadDecoder } from '../../../../lib/stream/session/output-plugin';
import { ReplicationSession } from '../../../../lib/stream/session/replication-session';
import type {
  PayloadDecoder,
  SessionObserver,
  SessionOptions,
  SessionTransport,
  SessionPorts,
  SessionSubscriber,
  SessionTimers,
} from '../../../../lib/stream/session/session-ports';
import type { StatusUpdate } from '../../../../lib/config/observers';
import { StreamHistory } from '../../../../lib/ledger/stream-history';
import { FrameDecoder } from '../../../../lib/wire/frames';
import { Reader } from '../../../../lib/wire/reader';
import { buildKeepalive, buildXlogData } from '../../../../lib/testing/backend-messages';
import {
  buildBegin,
  buildCommit,
  buildInsert,
  buildLogicalMessage,
  buildOrigin,
  buildRelation,
  buildType,
} from '../../../../lib/testing/payloads';

/** The client's messages during the stream. */
export type Sent =
  | { kind: 'status'; written: bigint; flushed: bigint; applied: bigint; asks: boolean; at: number }
  | { kind: 'copyDone' }
  | { kind: 'terminate' };

/** The ports of a session. It records every call; time does not advance, and callbacks run only on demand. */
export class FakeHost implements SessionTransport, SessionSubscriber, SessionTimers, SessionObserver {
  readonly sent: Sent[] = [];
  readonly delivered: StreamMessage[] = [];
  readonly reports: StatusUpdate[] = [];
  readonly warnings: string[] = [];
  /** The scheduled callbacks. */
  readonly delayed: (() => void)[] = [];
  /** The action of a statusObserver. */
  onReport: (() => void) | undefined;
  /** The events, by name and in order. */
  readonly happened: string[] = [];
  /** The delays in ms of all calls of `report()`. */
  readonly reportsAskedFor: number[] = [];
  time = 0;
  paused = false;
  scheduledPumps = 0;
  /** For how many ms reading had waited at each reopening of the window. */
  readonly waits: number[] = [];
  readonly lookUps: (readonly number[])[] = [];
  outcome: { error: Error | undefined } | undefined;
  /** The subscriber's handler; false means that it has unsubscribed. */
  onDeliver: (message: StreamMessage) => boolean | undefined = () => undefined;

  get ports(): SessionPorts {
    return {
      transport: this,
      subscriber: this,
      timers: this,
      observer: this,
      lookUpTypes: (typeOids) => void this.lookUps.push(typeOids),
    };
  }

  write(bytes: Buffer): void {
    const sent = this.#read(bytes);
    this.sent.push(sent);
    this.happened.push(sent.kind);
  }

  deliver(message: StreamMessage): boolean {
    this.delivered.push(message);
    return this.onDeliver(message) ?? true;
  }

  complete(): void {
    this.happened.push('complete');
  }

  windowReopened(_bytes: number, waitedMs: number): void {
    this.waits.push(waitedMs);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  scheduleRead(): void {
    this.scheduledPumps++;
  }

  scheduleReport(ms: number): void {
    this.reportsAskedFor.push(ms);
  }

  statusSent(status: StatusUpdate): void {
    this.reports.push(status);
    this.onReport?.();
  }

  closing(): void {
    this.happened.push('closing');
  }

  end(error?: Error): unknown {
    if (this.outcome) throw new Error('It has closed before');
    this.outcome = { error };
    this.happened.push('closed');
    return error;
  }

  warn(text: string): void {
    this.warnings.push(text);
  }

  warnOfDroppedTransaction(how: string): void {
    this.warnings.push(how);
  }

  schedule(_ms: number, callback: () => void): void {
    this.delayed.push(callback);
  }

  elapsed(): number {
    return this.time;
  }

  now(): number {
    return Date.UTC(2024, 4, 6) + this.time;
  }

  get statuses(): Extract<Sent, { kind: 'status' }>[] {
    return this.sent.filter((sent) => sent.kind === 'status');
  }

  get kinds(): string[] {
    return this.delivered.map(({ kind }) => kind);
  }

  /** Decodes one frame as the manual describes. */
  #read(bytes: Buffer): Sent {
    const reader = new Reader(bytes, 0, bytes.length, 'what the client sent');
    const tag = reader.text(1);
    if (reader.u32() !== bytes.length - 1) throw new Error('The length is wrong');
    if (tag === 'c' || tag === 'X') {
      reader.finish();
      return { kind: tag === 'c' ? 'copyDone' : 'terminate' };
    }
    if (tag !== 'd' || reader.text(1) !== 'r') throw new Error(`Unexpected: ${bytes.toString('hex')}`);
    const [written, flushed, applied] = [reader.u64(), reader.u64(), reader.u64()];
    if (BigInt.asIntN(64, reader.u64()) !== BigInt(this.now() - Date.UTC(2000, 0, 1)) * 1000n)
      throw new Error('The clock is wrong');
    const asks = reader.u8() === 1;
    reader.finish();
    return { kind: 'status', written, flushed, applied, asks, at: this.time };
  }
}

/** No limit that a spec would reach unintentionally, and no timeout. */
export const OPTIONS: SessionOptions = {
  window: { messages: 1000, bytes: 1_000_000 },
  confirm: true,
  source: { systemId: '7300000000000000001', timeline: 1, slot: 'orders' },
  livenessTimeout: 0,
  ackTimeout: 0,
  history: new StreamHistory(() => () => undefined),
};

export interface SessionFixture {
  readonly session: ReplicationSession;
  readonly host: FakeHost;
  /** Receives all frames in one chunk. */
  readonly receive: (...frames: readonly Buffer[]) => void;
  /** Advances time, and runs the callbacks that are due. */
  readonly pass: (ms: number) => void;
}

export function createSession(
  options: Partial<SessionOptions> = {},
  decode: PayloadDecoder = createPayloadDecoder({ types: defaultTypes }),
): SessionFixture {
  const host = new FakeHost();
  const session = new ReplicationSession(new FrameDecoder(), decode, { ...OPTIONS, ...options }, host.ports);
  return {
    session,
    host,
    receive: (...frames) => session.receive(Buffer.concat(frames)),
    pass: (ms) => {
      host.time += ms;
      session.report();
    },
  };
}

/** The frames of a transaction with this number of inserts. The Relation of the table must precede the first. */
export function transactionFrames(commitLsn: bigint, inserts = 1, text = 'x'): Buffer[] {
  const rows = Array.from({ length: inserts }, (_, i) => buildInsert([String(i), text]));
  return [buildBegin({ commitLsn }), ...rows, buildCommit({ commitLsn, endLsn: computeEnd(commitLsn) })].map(
    (payload) => buildXlogData(payload),
  );
}

/** The end LSN of a transaction of {@link transactionFrames}. */
export function computeEnd(commitLsn: bigint): bigint {
  return commitLsn + 0x30n;
}

/** The handle that a session attached to a message. */
export function getHandle(message: StreamMessage | undefined): AckHandle {
  const handle = message && Delivery.getHandle(message);
  if (!handle) throw new Error('No session delivered this message');
  return handle;
}

export function stopBefore(message: StreamMessage, upTo?: bigint): void {
  const handle = getHandle(message);
  handle.session.stops.stopBefore(handle, upTo);
}

export function stopAfter(message: StreamMessage, upTo?: bigint): void {
  const handle = getHandle(message);
  handle.session.stops.stopAfter(handle, upTo);
}

/** The Relation of the table that {@link transactionFrames} insert into. */
export const RELATION = buildXlogData(buildRelation());

/** A stream with every kind of message. */
export const STREAM = [
  buildKeepalive(0x50n),
  RELATION,
  buildXlogData(buildType(20000, 'mood')),
  ...transactionFrames(0x100n, 2),
  buildXlogData(buildLogicalMessage({ transactional: false, lsn: 0x180n })),
  buildXlogData(buildBegin({ commitLsn: 0x200n })),
  buildXlogData(buildOrigin('elsewhere')),
  ...transactionFrames(0x200n, 1).slice(1),
  buildKeepalive(0x300n, true),
];

/** Acknowledges everything that has been delivered. */
export function ackAll({ delivered }: FakeHost): boolean[] {
  return delivered.map(({ ack }) => ack());
}

/** A session with an unacknowledged transaction, at a time without recent reports. */
export function createBusySession(options: Partial<SessionOptions> = {}): SessionFixture {
  const fixture = createSession(options);
  fixture.receive(RELATION, ...transactionFrames(0x100n));
  fixture.host.time = 1000;
  return fixture;
}
