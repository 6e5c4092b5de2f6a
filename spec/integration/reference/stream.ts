import { setTimeout as delay } from 'node:timers/promises';
import { Subject, tap, type Observable } from 'rxjs';
import {
  ackAfter,
  logicalReplication,
  reconnect,
  stopOn,
  transactions,
  type AnyReplicationMessage,
  type PgoutputConfig,
} from '../../../lib/index';
import type { Random } from '../../chaos/random';
import type { FaultProxy } from '../../support/proxy';
import { LoopClock } from '../../support/loop-clock';
import { Recorder, type TestBed } from '../support/bed';
import type { Applier } from './apply';
import { AS_TEXT, describeReading, type Reading } from './options';

const TYPES: Record<Reading['types'], PgoutputConfig['types']> = { exact: 'exact', text: AS_TEXT, pg: undefined };

/** The features that occurred in a round. */
export class Tally {
  /** By kind. */
  readonly messages: Record<string, number> = {};
  cuts = 0;
  sessions = 0;
  /** Episodes that had to be read with other options. */
  serverFaults = 0;
}

/** The state shared by all episodes of a round. */
export interface RoundContext {
  readonly source: TestBed;
  readonly slot: string;
  readonly applier: Applier;
  /** Whether the consumer owns the position. */
  readonly store: boolean;
  readonly proxy: FaultProxy;
  readonly tally: Tally;
}

const TIMEOUT = 60_000;

/** A stream that is applied while its connections are cut. */
export class AppliedStream {
  readonly #context: RoundContext;
  readonly #reading: Reading;
  readonly #stop = new Subject<void>();
  readonly #recorder: Recorder<unknown>;
  #working: Promise<void> = Promise.resolve();

  constructor(context: RoundContext, reading: Reading) {
    const { applier, store, tally } = context;
    this.#context = context;
    this.#reading = reading;
    applier.parsesJson = reading.types !== 'text';
    const { maxBytes, includeNonTransactionalMessages } = reading;
    this.#recorder = new Recorder(
      messagesOf(context, reading, {
        ...(store && { startLsn: () => applier.checkpoint }),
        openObserver: { next: () => tally.sessions++ },
      }).pipe(
        tap(({ kind }) => (tally.messages[kind] = (tally.messages[kind] ?? 0) + 1)),
        stopOn(this.#stop),
        transactions({ maxBytes, includeNonTransactionalMessages }),
        ackAfter((unit) => (this.#working = applier.apply(unit))),
        reconnect({ initialDelay: 5, maxDelay: 50, attemptObserver: { next: () => undefined } }),
      ),
    );
  }

  /** Resolves when the condition holds; rejects if the stream has failed. */
  async until(isSo: () => boolean): Promise<void> {
    const clock = new LoopClock();
    const failed = this.#recorder.find(() => false);
    let over = false;
    const come = async (): Promise<void> => {
      while (!over && !isSo()) {
        if (clock.elapsed > TIMEOUT) throw new Error(`It has not come: ${describeReading(this.#reading)}`);
        await delay(5);
      }
    };
    try {
      await Promise.race([failed, come()]);
    } catch (error) {
      // The running work continues.
      await this.#working;
      throw error;
    } finally {
      over = true;
      clock.stop();
    }
  }

  /** Ends the stream as the reading says. When this resolves, no work is running. */
  async end(): Promise<void> {
    const { proxy } = this.#context;
    switch (this.#reading.leave) {
      case 'stop':
        this.#stop.next();
        await this.#recorder.completed();
        break;
      case 'cut':
        proxy.refusing = true;
        proxy.cut('rst');
        this.#recorder.unsubscribe();
        proxy.refusing = false;
        break;
      case 'unsubscribe':
        this.#recorder.unsubscribe();
    }
    await this.#working;
  }
}

function messagesOf(
  { source, slot, proxy }: RoundContext,
  reading: Reading,
  more: Partial<PgoutputConfig>,
): Observable<AnyReplicationMessage> {
  const { way, twoPhase, types, maxUnacked } = reading;
  const { protoVersion, streaming, binary } = way;
  const options = settingsOf(reading)
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ');
  const base = {
    connection: { connectionString: proxy.through(source.database.url), options },
    slot,
    publications: ['pub'],
    messages: true,
    protoVersion,
    binary,
    maxUnacked,
    types: TYPES[types],
    ...more,
  };
  if (streaming === 'off') return twoPhase ? logicalReplication({ ...base, twoPhase }) : logicalReplication(base);
  return twoPhase ? logicalReplication({ ...base, streaming, twoPhase }) : logicalReplication({ ...base, streaming });
}

/** Settings of the session, with their values. */
export function settingsOf({ way, memory = '64kB' }: Reading): [name: string, value: string][] {
  const settings: [string, string][] = [['logical_decoding_work_mem', memory]];
  if (way.atOnce) settings.push(['debug_logical_replication_streaming', 'immediate']);
  return settings;
}

/** Cuts connections at random times until it is stopped. */
export async function cutNowAndThen(
  random: Random,
  { proxy, source, slot, tally }: RoundContext,
  over: AbortSignal,
): Promise<void> {
  const admin = await source.database.client();
  for (;;) {
    await delay(random.pick([5, 30, 100, 300]));
    if (over.aborted) break;
    tally.cuts++;
    const how = random.pick(['rst', 'fin', 'bytes', 'terminate'] as const);
    if (how === 'bytes') proxy.cutAfter(random.between(1, 50_000));
    else if (how !== 'terminate') proxy.cut(how);
    else {
      await admin.query('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1', [
        slot,
      ]);
    }
  }
  await admin.end();
}
