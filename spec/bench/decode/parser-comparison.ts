import { Contender } from './contender';
import type { Timing } from './messages';
import { PARSERS } from './parsers';

/** Rounds that are not counted, in which V8 compiles. */
const WARM_UP = 3;

/** The cost of each parser, round by round. */
export interface ParserComparison {
  readonly changes: number;
  readonly timings: Readonly<Record<string, readonly Timing[]>>;
  /** The parsers that are not installed. */
  readonly missing: readonly string[];
}

/**
 * Lets all parsers decode the payloads in turns.
 *
 * @param file contains the payloads
 * @param changes the number of changes in them
 */
export async function compareParsers(file: string, changes: number, rounds: number): Promise<ParserComparison> {
  const contenders: Contender[] = [];
  const missing: string[] = [];
  try {
    for (const parser of Object.keys(PARSERS)) {
      const contender = await Contender.start(parser, file);
      if (contender) contenders.push(contender);
      else missing.push(parser);
    }
    await agree(contenders, changes);

    const timings: Record<string, Timing[]> = {};
    for (let round = -WARM_UP; round < rounds; round++) {
      for (const contender of contenders) {
        const timing = await contender.round();
        const expected = timing.passes * changes;
        if (timing.changes !== expected) throw wrongCount(contender.parser, timing.changes, expected);
        if (round >= 0) (timings[contender.parser] ??= []).push(timing);
      }
    }
    return { changes, timings, missing };
  } finally {
    for (const contender of contenders) contender.stop();
  }
}

/** Verifies that all parsers found the same values in the same changes. */
async function agree(contenders: readonly Contender[], expected: number): Promise<void> {
  const checksums = new Map<string, string>();
  for (const contender of contenders) {
    const { changes, checksum } = await contender.digest();
    if (changes !== expected) throw wrongCount(contender.parser, changes, expected);
    checksums.set(contender.parser, checksum);
  }
  if (new Set(checksums.values()).size > 1) {
    const found = [...checksums].map(([parser, checksum]) => `${parser} ${checksum.slice(0, 16)}`);
    throw new Error(`The parsers do not find the same values: ${found.join(', ')}`);
  }
}

function wrongCount(parser: string, found: number, expected: number): Error {
  return new Error(`${parser} found ${found} changes of ${expected}.`);
}
