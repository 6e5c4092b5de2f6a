/** What the command line says to every part. */
export interface BenchOptions {
  /** What the workloads are multiplied by; 1 is their full size. */
  readonly scale: number;
  /** How often everything is measured; undefined where the part itself is to say. */
  readonly rounds: number | undefined;
  /** Names of the clients and workloads to measure; empty for all. */
  readonly only: readonly string[];
  /** The folder for results in JSON, and charts. */
  readonly folder: string;
}

/** Of `things`, those that `only` names; all, where it names none of them. */
export function chosen<T extends { readonly name: string }>(
  things: readonly T[],
  only: readonly string[],
): readonly T[] {
  const named = things.filter(({ name }) => only.includes(name));
  return named.length > 0 ? named : things;
}

/** @throws where `only` has a name that is none: a typing mistake must not measure something else */
export function checkNames(only: readonly string[], known: readonly { readonly name: string }[]): void {
  const names = known.map(({ name }) => name);
  const unknown = only.filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new Error(`There is no ${unknown.join(', ')} here. There are ${names.join(', ')}.`);
}
