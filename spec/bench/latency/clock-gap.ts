import type { BenchServer } from '../server';
import { readClock, wallMicros } from './clock';

const QUESTIONS = 50;

/** The difference between the server's clock and this process's clock, and its maximum error, in µs. */
export interface ClockGap {
  readonly micros: number;
  readonly uncertainty: number;
}

/** Compares the clocks, which should be the same, by the query with the shortest round trip. */
export async function clockGap(server: BenchServer): Promise<ClockGap> {
  const first = readClock();
  const answers: { sent: number; came: number; theirs: number }[] = [];
  for (let question = 0; question < QUESTIONS; question++) {
    const sent = performance.now();
    const [row] = await server.query<{ micros: number }>(
      `SELECT date_part('epoch', clock_timestamp()) * 1e6 AS micros`,
    );
    answers.push({ sent, came: performance.now(), theirs: row?.micros ?? NaN });
  }
  const last = readClock();
  const gaps = answers.map(({ sent, came, theirs }) => ({
    micros: theirs - wallMicros((sent + came) / 2, first, last),
    uncertainty: ((came - sent) / 2) * 1000,
  }));
  return gaps.reduce((best, gap) => (gap.uncertainty < best.uncertainty ? gap : best));
}
