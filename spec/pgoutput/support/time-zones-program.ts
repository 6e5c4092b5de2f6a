/** Decodes dates and times in the given time zones, mostly around changes of the offset. Run by value-readers-spec.ts. */
import fc, { type Arbitrary } from 'fast-check';
import { nearMiss } from './near-misses';
import { printedDate, printedNear, printedTimestamp, printedTimestamptz } from './printed-dates';
import { findDifference, readType } from './readings';

const HOUR = 3_600_000;
const RUNS = 1000;

/** The changes of the offset, as local times before and after. */
function changes(): number[] {
  const found = [];
  const offsetAt = (ms: number): number => new Date(ms).getTimezoneOffset() * 60_000;
  for (let ms = Date.UTC(1880, 0); ms < Date.UTC(2038, 0); ms += HOUR) {
    const [before, after] = [offsetAt(ms - HOUR), offsetAt(ms)];
    if (before !== after) found.push(ms - before, ms - after);
  }
  return found;
}

function check(oid: number, text: Arbitrary<string>): void {
  const type = readType(oid);
  const property = fc.property(text, (printed) => {
    const difference = findDifference(type, Buffer.from(printed), '1', '0');
    if (difference !== undefined) throw new Error(difference);
  });
  fc.assert(property, { numRuns: RUNS });
}

for (const zone of process.argv.slice(2)) {
  process.env['TZ'] = zone;
  const actual = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (actual !== zone) throw new Error(`The time zone is ${actual} instead of ${zone}`);
  const turns = changes();
  const near = printedNear(turns.length > 0 ? turns : [0]);
  const texts = [printedDate, printedTimestamp, printedTimestamptz, near, near.map((text) => `${text}+00`)];
  for (const oid of [1082, 1114, 1184]) {
    for (const text of [...texts, near.map((text) => text.slice(0, 10))]) {
      check(oid, text);
      check(oid, nearMiss(text));
    }
  }
  console.log(`${zone} ${turns.length}`);
}
