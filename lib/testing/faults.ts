import { Random } from './random';
import type { Step } from './steps';
import type { TransactionDraft, WalTransaction } from './transaction';

/** A script of faults that follows from its seed. {@link FakeWalSender.play} takes it, `verify()` names its seed. */
export interface FaultProgram {
  readonly seed: number;
  readonly steps: readonly Step[];
}

/** A kind of fault that {@link faults} makes: a step of that name. */
export type FaultKind = keyof typeof MAKERS;

export interface FaultOptions {
  /** Committed in this order, with the faults between them. Default: none. */
  readonly transactions?: readonly (TransactionDraft | WalTransaction)[];
  /** The longest pause behind each step, in ms. Default: 10. */
  readonly pause?: number;
  /** How many faults. Default: 10. */
  readonly count?: number;
  /** Default: all, so that the client has to connect again. */
  readonly kinds?: readonly FaultKind[];
}

/** What a walsender says when it goes, and a client should come back after. */
const PASSING = ['57P01', '57P02', '57P03', '57014', '53300', '08006'] as const;

const MAKERS = {
  keepalive: (random: Random): Step => ({ keepalive: { replyRequested: random.between(0, 1) === 1 } }),
  notice: (): Step => ({ notice: { sqlState: '01000', message: 'a notice of no consequence' } }),
  error: (random: Random): Step => ({
    error: { sqlState: random.oneOf(PASSING), severity: random.oneOf(['ERROR', 'FATAL']) },
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

const ALL = Object.keys(MAKERS) as FaultKind[];

/**
 * Makes a program of faults: the same one for the same seed and options. None of them keeps a client from its data that
 * connects again.
 *
 * @example
 * await server.play(faults(42, { transactions: [transaction([orders.insert({ id: 1 })])] }));
 */
export function faults(seed: number, options: FaultOptions = {}): FaultProgram {
  const { transactions = [], count = 10, pause = 10, kinds = ALL } = options;
  const random = new Random(seed);
  const [first, ...others] = kinds;
  if (first === undefined) throw new Error('faults() needs at least one kind');
  const steps = Array.from({ length: count }, () => MAKERS[random.oneOf([first, ...others])](random));
  // Each transaction gets a place behind the one before it.
  const places = transactions.map(() => random.between(0, count)).sort((a, b) => a - b);
  for (const [index, commit] of transactions.entries()) steps.splice((places[index] ?? 0) + index, 0, { commit });
  return { seed, steps: steps.flatMap((step) => [step, { wait: random.between(0, pause) }]) };
}
