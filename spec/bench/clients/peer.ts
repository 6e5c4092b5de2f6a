/**
 * Loads another package from spec/bench/node_modules. Its types are not used, because it may not be installed when this is
 * compiled; the caller declares what it uses.
 */
export function peer<Package>(name: string): Promise<Package> {
  return import(name) as Promise<Package>;
}
