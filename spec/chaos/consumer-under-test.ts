import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseLsn } from '../../lib/index';
import { FaultProxy } from '../support/proxy';
import type { TestDatabase } from '../support/server';
import { ConsumerProcess } from './consumer-process';
import type { ConsumerCommand, ConsumerEvent, ConsumerOptions, StopSignal } from './events';
import type { Random } from './random';
import { InvariantChecker } from './invariant-checker';

/** The configuration of a consumer. */
export interface Kind {
  readonly name: 'exactly-once' | 'at-least-once' | 'two-phase';
  /** The database of an exactly-once store. */
  readonly store?: TestDatabase;
  readonly twoPhase: boolean;
}

/** The size in bytes from which a streamed transaction is spooled. */
const MAX_BYTES = 100_000;
/**
 * Timeouts in ms: for a process to end by itself, to close its spool files, to receive a transaction, or to open another
 * session.
 */
const TIMEOUTS = 60_000;

/** A consumer over all its processes, with its slot, its proxy, and the checker that reads its events. */
export class Consumer {
  readonly checker: InvariantChecker;
  readonly #spoolDirectory = mkdtempSync(join(tmpdir(), 'chaos-'));
  readonly #listeners = new Set<(event: ConsumerEvent) => void>();
  #process: ConsumerProcess | undefined;
  /** Whether the current process has spooled, and so removed the spool files of earlier processes. */
  #hasSpooled = false;
  #signal: StopSignal = 'subject';
  /** The number of its sessions when a fault began to end the last one. */
  #sessionsBefore = 0;
  #interruptedProjects = 0;
  #sessionsLost = 0;

  private constructor(
    readonly kind: Kind,
    readonly slot: string,
    /** The slot's position when it was created. */
    readonly origin: bigint,
    readonly proxy: FaultProxy,
    readonly source: TestDatabase,
    readonly streamings: readonly ConsumerOptions['streaming'][],
    readonly random: Random,
  ) {
    this.checker = new InvariantChecker(kind.name, kind.store !== undefined);
  }

  static async create(kind: Kind, source: TestDatabase, version: number, random: Random): Promise<Consumer> {
    const slot = kind.name.replaceAll('-', '_');
    const twoPhase = kind.twoPhase ? ', false, true' : '';
    const [row] = await source.query<{ lsn: string }>(
      `SELECT lsn::text FROM pg_create_logical_replication_slot($1, 'pgoutput'${twoPhase})`,
      [slot],
    );
    const proxy = await FaultProxy.before(source.url);
    const streamings = ['off', 'on', ...(version >= 16 ? ['parallel' as const] : ['on' as const])] as const;
    return new Consumer(kind, slot, parseLsn(row?.lsn ?? ''), proxy, source, streamings, random);
  }

  get name(): string {
    return this.kind.name;
  }

  get store(): TestDatabase | undefined {
    return this.kind.store;
  }

  /** @param stopped whether it is stopped before it subscribes */
  start(stopped = false): void {
    const { kind, slot, proxy, source, checker, random } = this;
    const { store, twoPhase } = kind;
    checker.restarted();
    this.#hasSpooled = false;
    const signal = stopped ? 'signal' : random.pick(['subject', 'signal', 'SIGTERM'] as const);
    this.#signal = signal;
    const options: ConsumerOptions = {
      connection: proxy.through(source.url),
      slot,
      ...(store && { store: store.url }),
      concurrent: store ? 1 : 4,
      streaming: this.streamings[random.between(0, this.streamings.length - 1)] ?? 'on',
      twoPhase,
      maxBytes: MAX_BYTES,
      spoolDirectory: this.#spoolDirectory,
      signal,
      stopped,
    };
    this.#process = new ConsumerProcess(options, (event) => {
      if (event.event === 'deliver') this.#hasSpooled ||= event.spooled;
      checker.observe(event);
      for (const listener of this.#listeners) listener(event);
    });
  }

  /** The notifier that stops its stream. */
  get signal(): StopSignal {
    return this.#signal;
  }

  /** Resolves when its process has subscribed, or after this number of ms. */
  async subscribed(ms: number): Promise<void> {
    if (!this.checker.hasSubscribed) await this.waitForEvent(ms, 'subscribing');
  }

  /** The number of faults that ended a session while work was running, before any of its changes were stored. */
  get interruptedProjects(): number {
    return this.#interruptedProjects;
  }

  /** The number of faults that ended a session, each a different one. */
  get sessionsLost(): number {
    return this.#sessionsLost;
  }

  /** Resolves when a new session is open after the last fault. */
  async waitForReopening(): Promise<void> {
    const deadline = performance.now() + TIMEOUTS;
    while (this.checker.sessions <= this.#sessionsBefore) {
      if (performance.now() > deadline)
        throw new Error(`The ${this.name} consumer opened no session in ${TIMEOUTS} ms`);
      await delay(5);
    }
  }

  /** Call it before a fault ends the session. */
  expectSessionLoss(): void {
    this.#sessionsBefore = this.checker.sessions;
    this.#sessionsLost++;
  }

  /** Resolves when work has started in an open session. The work waits until another session is open. */
  async holdProject(): Promise<void> {
    const held = this.waitForEvent(TIMEOUTS, 'held');
    this.send({ command: 'hold' });
    if (!(await held)) throw new Error(`The ${this.name} consumer began no work in ${TIMEOUTS} ms`);
    this.#interruptedProjects++;
    this.expectSessionLoss();
  }

  /** Resolves when all events of the process up to now are received. */
  async flushEvents(): Promise<void> {
    const process = this.#process;
    if (!process) return;
    let listener: (event: ConsumerEvent) => void = () => undefined;
    const answered = new Promise<void>((resolve) => {
      listener = ({ event }) => {
        if (event === 'echo') resolve();
      };
      this.#listeners.add(listener);
    });
    process.send({ command: 'echo' });
    await Promise.race([answered, process.waitForExit]);
    this.#listeners.delete(listener);
  }

  send(command: ConsumerCommand): void {
    this.#process?.send(command);
  }

  /** Resolves with its next event of these kinds; with undefined after this number of ms. */
  async waitForEvent<E extends ConsumerEvent['event']>(
    ms: number,
    ...events: readonly E[]
  ): Promise<(ConsumerEvent & { event: E }) | undefined> {
    let listener: (event: ConsumerEvent) => void = () => undefined;
    const said = new Promise<ConsumerEvent & { event: E }>((resolve) => {
      listener = (event) => {
        if (isOneOf(event, events)) resolve(event);
      };
      this.#listeners.add(listener);
    });
    const over = new AbortController();
    const outcome = await Promise.race([said, delay(ms, undefined, { signal: over.signal }).catch(() => undefined)]);
    over.abort();
    this.#listeners.delete(listener);
    return outcome;
  }

  /** Subscribes again in the same process. */
  subscribeAgain(): void {
    this.checker.subscribed();
    this.send({ command: 'start' });
  }

  /** Waits until the process ends by itself, after its stream has ended. */
  async exit(): Promise<void> {
    const process = this.#process;
    this.send({ command: 'leave' });
    if (!process || (await process.exitsWithin(TIMEOUTS))) this.#handleStderr(process);
    else {
      this.checker.addViolation(`its process did not end by itself: ${process.stderr}`);
      await process.kill();
    }
    this.#process = undefined;
  }

  /** Kills the process with SIGKILL. */
  async kill(): Promise<void> {
    const process = this.#process;
    if (!process) return;
    const { runs } = process;
    await process.kill();
    if (!runs) this.checker.addViolation('its process ended by itself');
    this.#handleStderr(process);
  }

  /** Verifies that a process that ended has left no spool file. */
  async checkSpools(): Promise<void> {
    const deadline = performance.now() + TIMEOUTS;
    let open: number | undefined;
    do {
      const answer = this.waitForEvent(TIMEOUTS, 'spools');
      this.send({ command: 'spools' });
      open = (await answer)?.open;
      if (open === 0) break;
      await delay(20);
    } while (performance.now() < deadline);
    if (open !== 0) this.checker.addViolation(`${open ?? 'nobody knows how many'} spool files were left open`);
    const files = readdirSync(this.#spoolDirectory);
    if (this.#hasSpooled && files.length > 0) this.checker.addViolation(`left ${files.join(', ')}`);
  }

  async end(): Promise<void> {
    await this.kill();
    await this.proxy.close();
    rmSync(this.#spoolDirectory, { recursive: true });
  }

  #handleStderr(process: ConsumerProcess | undefined): void {
    if (process?.stderr) this.checker.addViolation(`it complained: ${process.stderr}`);
  }
}

function isOneOf<E extends ConsumerEvent['event']>(
  event: ConsumerEvent,
  events: readonly E[],
): event is ConsumerEvent & { event: E } {
  return (events as readonly string[]).includes(event.event);
}
