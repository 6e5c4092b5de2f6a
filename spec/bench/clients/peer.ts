/**
 * A peer's package, from spec/bench/node_modules. Its own types are not asked, as it need not be installed where this is
 * compiled: the caller says what it uses.
 */
export function peer<Package>(name: string): Promise<Package> {
  return import(name) as Promise<Package>;
}
