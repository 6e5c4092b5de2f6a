/** The command-line options of all parts. */
export interface BenchOptions {
  /** The factor for the size of the workloads; 1 is the full size. */
  readonly scale: number;
  /** The number of rounds; undefined for each part's default. */
  readonly rounds: number | undefined;
  /** Names of the clients and workloads to measure; empty for all. */
  readonly only: readonly string[];
  /** The folder for results in JSON, and charts. */
  readonly folder: string;
}

/** The items of `things` that `only` names; all if it names none of them. */
export function chosen<T extends { readonly name: string }>(
  things: readonly T[],
  only: readonly string[],
): readonly T[] {
  const named = things.filter(({ name }) => only.includes(name));
  return named.length > 0 ? named : things;
}

/** @throws if `only` has an unknown name, so that a typing error does not measure something else */
export function checkNames(only: readonly string[], known: readonly { readonly name: string }[]): void {
  const names = known.map(({ name }) => name);
  const unknown = only.filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new Error(`There is no ${unknown.join(', ')} here. There are ${names.join(', ')}.`);
}
