import { setTimeout as delay } from 'node:timers/promises';
import type { PostgresServer, TestServer } from '../support/server';
import type { Consumer } from './consumer-under-test';
import { FAULTS, SERVER_FAULTS, SESSION_FAULTS } from './faults';
import { Monitor } from './monitor';
import { Random } from './random';
import { summarize, type ChaosSummary } from './summary';
import { ChaosEnvironment } from './chaos-environment';
import type { ConsumerResult } from './invariant-checker';

export interface ChaosOptions {
  readonly faults: number;
  /** The kinds of faults. Default: all. */
  readonly kinds?: readonly string[];
  readonly seed: number;
  /** Called before each fault. */
  readonly announce?: (fault: string) => void;
}

/** How often a kind of fault was injected, and the ms until all consumers had recovered, whenever that was waited for. */
export interface FaultStatistics {
  readonly times: number;
  readonly recoveries: readonly number[];
}

/** The result of one consumer, and the number of its faults. */
export interface ConsumerOutcome extends ConsumerResult {
  /** Faults that ended a session while work was running, whose transaction must be redelivered. */
  readonly struckAtWork: number;
  /** Faults that ended a session, each a different one. */
  readonly sessionsLost: number;
}

export interface ChaosResult {
  readonly seed: number;
  readonly server: string;
  readonly seconds: number;
  readonly faults: Readonly<Record<string, FaultStatistics>>;
  /** By the state in which the stop occurred: how often each outcome occurred, `completed` or an error's code. */
  readonly stops: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly consumers: Readonly<Record<string, ConsumerOutcome>>;
  readonly summary: ChaosSummary;
  /** How often the store's sum and the slots were checked. */
  readonly looks: number;
  /** Every violated guarantee, as a sentence. */
  readonly violations: readonly string[];
}

/** The probability that the next fault is injected before all consumers have recovered. */
const OVERLAP = 0.3;
/** The probability that a repeated kind of fault waits until the consumer is processing a transaction. */
const AT_WORK = 0.5;

/** Injects faults while the writers run, and returns a summary when all consumers have caught up. */
export async function runChaos(server: TestServer, quiet: PostgresServer, options: ChaosOptions): Promise<ChaosResult> {
  const started = performance.now();
  const random = new Random(options.seed);
  const environment = await ChaosEnvironment.create(server, quiet, options.seed);
  const struck = new Map<string, { times: number; recoveries: number[] }>();
  const violations: string[] = [];
  const next = takeTurns(environment.consumers, random);
  environment.start();
  const monitor = new Monitor(environment);
  try {
    await environment.waitForRecovery();
    for (const name of sequence(random, options.faults, options.kinds ?? Object.keys(FAULTS))) {
      const consumer = next(name);
      options.announce?.(`${name} (${consumer.name})`);
      await prepare(environment, consumer, name, !struck.has(name) || random.chance(AT_WORK));
      await FAULTS[name]?.(environment, consumer, random);
      const record = struck.get(name) ?? { times: 0, recoveries: [] };
      struck.set(name, { times: record.times + 1, recoveries: record.recoveries });
      if (random.chance(OVERLAP)) await delay(random.between(0, 300));
      else record.recoveries.push(Math.round(await environment.waitForRecovery()));
    }
    await environment.drain();
  } catch (error) {
    violations.push(String(error));
  }
  await environment.end();
  await monitor.stop();
  for (const { checker } of environment.consumers) violations.push(...checker.violations);
  violations.push(...monitor.violations);
  const summary = await summarize(environment);
  await environment.store.drop();
  return {
    seed: options.seed,
    server: server.description,
    seconds: Math.round((performance.now() - started) / 1000),
    faults: Object.fromEntries([...struck].sort(([a], [b]) => a.localeCompare(b))),
    stops: countStops(environment),
    consumers: Object.fromEntries(
      environment.consumers.map(({ name, checker, interruptedProjects: struckAtWork, sessionsLost }) => [
        name,
        { ...checker.result, struckAtWork, sessionsLost },
      ]),
    ),
    summary,
    looks: monitor.checks,
    violations,
  };
}

/**
 * Chooses the consumer of the next fault: each in turn, separately for faults that end a session, so that all get equally many.
 */
function takeTurns(consumers: ChaosEnvironment['consumers'], random: Random): (fault: string) => Consumer {
  const turns = { session: random.between(0, consumers.length - 1), other: random.between(0, consumers.length - 1) };
  return (fault) => {
    const turn = turns[fault in SESSION_FAULTS ? 'session' : 'other']++;
    return consumers[turn % consumers.length] ?? consumers[0];
  };
}

/**
 * Waits until the affected consumers have recovered from the last fault.
 *
 * @param atWork whether the session must have work running when it ends; otherwise it may be in any state
 */
async function prepare(
  environment: ChaosEnvironment,
  consumer: Consumer,
  fault: string,
  atWork: boolean,
): Promise<void> {
  if (fault in SERVER_FAULTS) {
    if (!atWork) return;
    for (const each of environment.consumers) await each.waitForReopening();
    for (const each of environment.consumers) each.expectSessionLoss();
  } else {
    await consumer.waitForReopening();
    if (atWork && fault in SESSION_FAULTS) await consumer.holdProject();
  }
}

/** Each kind once in random order, repeatedly. */
function sequence(random: Random, count: number, kinds: readonly string[]): string[] {
  const names: string[] = [];
  while (names.length < count) names.push(...random.shuffle(kinds));
  return names.slice(0, count);
}

function countStops({ consumers }: ChaosEnvironment): ChaosResult['stops'] {
  const counts: Record<string, Record<string, number>> = {};
  for (const { state, outcome } of consumers.flatMap(({ checker }) => checker.stops)) {
    const outcomes = (counts[state] ??= {});
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  return counts;
}
