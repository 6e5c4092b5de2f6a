import { thisMachine } from './machine';
import type { Circumstances } from './result';
import type { BenchServer } from './server';

/** Where and how it is being measured just now. */
export function circumstances({ release }: BenchServer, scale: number, rounds: number): Circumstances {
  return { machine: thisMachine(), server: release, date: new Date().toISOString(), scale, rounds };
}
