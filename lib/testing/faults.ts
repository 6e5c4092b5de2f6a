import { Random } from './random';
import type { Step } from './steps';
import type { TransactionDraft, WalTransaction } from './transaction';

/** A script of faults that is determined by a seed. {@link FakeWalSender.play} runs it; errors of `verify()` show the seed. */
export interface FaultProgram {
  readonly seed: number;
  readonly steps: readonly Step[];
}

/** A kind of fault of {@link faults}: a step of that name. */
export type FaultKind = keyof typeof STEP_BUILDERS;

export interface FaultOptions {
  /** Transactions that are committed in this order, between the faults. Default: none. */
  readonly transactions?: readonly (TransactionDraft | WalTransaction)[];
  /** The maximum pause after each step, in ms. Default: 10. */
  readonly pause?: number;
  /** The number of faults. Default: 10. */
  readonly count?: number;
  /** The kinds of faults. Default: all; the client must then reconnect. */
  readonly kinds?: readonly FaultKind[];
}

/** SQLSTATEs with which a walsender ends, and after which a client should reconnect. */
const TRANSIENT_SQLSTATES = ['57P01', '57P02', '57P03', '57014', '53300', '08006'] as const;

const STEP_BUILDERS = {
  keepalive: (random: Random): Step => ({ keepalive: { replyRequested: random.between(0, 1) === 1 } }),
  notice: (): Step => ({ notice: { sqlState: '01000', message: 'a scripted notice' } }),
  error: (random: Random): Step => ({
    error: { sqlState: random.oneOf(TRANSIENT_SQLSTATES), severity: random.oneOf(['ERROR', 'FATAL']) },
  }),
  split: (random: Random): Step => ({
    split: Array.from({ length: random.between(1, 12) }, () => random.between(1, 30)),
  }),
  glue: (random: Random): Step => ({ glue: random.between(1, 10) }),
  stall: (random: Random): Step => ({ stall: random.between(1, 20) }),
  cut: (random: Random): Step => ({ cut: random.between(0, 1000) }),
  reset: (random: Random): Step => ({ reset: random.between(0, 1000) }),
  halfClose: (): Step => ({ halfClose: true }),
  refuse: (random: Random): Step => ({ refuse: random.between(1, 20) }),
  occupy: (random: Random): Step => ({ occupy: { ms: random.between(1, 20) } }),
};

const ALL_KINDS = Object.keys(STEP_BUILDERS) as FaultKind[];

/**
 * Creates a program of faults. The same seed and options create the same program. A client that reconnects receives all data
 * despite the faults.
 *
 * @example
 * await server.play(faults(42, { transactions: [transaction([orders.insert({ id: 1 })])] }));
 */
export function faults(seed: number, options: FaultOptions = {}): FaultProgram {
  const { transactions = [], count = 10, pause = 10, kinds = ALL_KINDS } = options;
  const random = new Random(seed);
  const [first, ...others] = kinds;
  if (first === undefined) throw new Error('faults() requires at least one kind');
  const steps = Array.from({ length: count }, () => STEP_BUILDERS[random.oneOf([first, ...others])](random));
  // Sorted, so that the order of the transactions is kept.
  const positions = transactions.map(() => random.between(0, count)).sort((a, b) => a - b);
  for (const [index, commit] of transactions.entries()) steps.splice((positions[index] ?? 0) + index, 0, { commit });
  return { seed, steps: steps.flatMap((step) => [step, { wait: random.between(0, pause) }]) };
}
