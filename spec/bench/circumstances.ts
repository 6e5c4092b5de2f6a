import { thisMachine } from './machine';
import type { Circumstances } from './result';
import type { BenchServer } from './server';

/** The conditions of the current measurement. */
export function circumstances({ release }: BenchServer, scale: number, rounds: number): Circumstances {
  return { machine: thisMachine(), server: release, date: new Date().toISOString(), scale, rounds };
}
