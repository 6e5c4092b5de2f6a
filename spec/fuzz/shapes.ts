import type { ReadType } from '../pgoutput/support/readings';
import { measureProcessorTime } from '../support/processor-time';
import { TYPES } from './targets/values';

/** Texts of a given approximate length, to measure how time grows with the length. */
const SHAPES: readonly ((length: number) => string)[] = [
  ...[
    '1',
    '{',
    '}',
    '{{',
    '{}',
    '[',
    '(',
    ',',
    '"',
    '\\',
    '""',
    '{"',
    '"}',
    '-',
    ' ',
    '1 ',
    '1,',
    '\n',
    '.',
    'a',
    'é',
    '世',
  ],
  ...['NULL,', '00:00:00 ', '2024-01-01 00:00:00', '1 year ', '{1,', '\\x', '[[', '{"a":', `}${'1'.repeat(64)}`],
].map((piece): ((length: number) => string) => {
  return (length) => piece.repeat(length / piece.length);
});

const WRAPPED: readonly ((length: number) => string)[] = [
  (length) => `{${'1,'.repeat(length / 2)}1}`,
  (length) => `{${'"1",'.repeat(length / 4)}"1"}`,
  (length) => `{${'"{\\"a\\":1}",'.repeat(length / 12)}NULL}`,
  (length) => `${'{'.repeat(length / 2)}${'}'.repeat(length / 2)}`,
  (length) => `{${`${'{'.repeat(500)}${'}'.repeat(500)},`.repeat(length / 1001)}{}}`,
  (length) => `${'['.repeat(length / 2)}${']'.repeat(length / 2)}`,
  (length) => `[${'1:2]['.repeat(length / 5)}={}`,
  (length) => `\\x${'0a'.repeat(length / 2)}`,
  (length) => `{"\\\\x${'0a'.repeat(length / 2)}"}`,
  (length) => `{"${'\\"'.repeat(length / 2)}"}`,
  (length) => `{"${'1'.repeat(length)}"}`,
  (length) => `{"${' '.repeat(length)}1 day"}`,
  (length) => `{"${'2024-01-01 00:00:00,'.repeat(length / 20)}\n"}`,
  (length) => `{${`${'2024-01-01'.repeat(6)},`.repeat(length / 61)}NULL}`,
  (length) => `1 year ${'1 '.repeat(length / 2)}`,
  (length) => `1${' '.repeat(length)}year`,
  (length) => `${'1'.repeat(length)}:00:00`,
  (length) => `<(${'1'.repeat(length)},1>`,
  (length) => `<(${')'.repeat(length)}1>`,
];

export interface Growth {
  readonly typeOid: number;
  /** The start of the text. */
  readonly text: string;
  /** Processor time in ms for the short text, and for the long one. */
  readonly ms: readonly [short: number, long: number];
}

/** The tolerated ratio of the growth of time to that of the length, for caches and garbage collection. */
const TOLERANCE = 6;
const ATTEMPTS = 5;
/** json and jsonb, whose texts V8's parser reads. */
const JSON_TYPES: ReadonlySet<number> = new Set([114, 3802]);

/**
 * Decodes short and long texts of all shapes with the parsers of all types.
 *
 * @param trifle processor time in ms that is accepted for any long text
 * @returns where time grew faster than length, and the slowest text
 */
export function measureGrowth(short: number, long: number, trifle: number): { tooFast: Growth[]; slowest: Growth[] } {
  const factor = (long / short) * TOLERANCE;
  const isTooSlow = (ms: Growth['ms'], text: Buffer, oid: number): boolean =>
    ms[1] > Math.max(trifle, ms[0] * factor) && !(JSON_TYPES.has(oid) && ms[1] <= timeOfJsonParse(text) * TOLERANCE);
  const slowest: Growth[] = [];
  const tooFast: Growth[] = [];
  for (const make of [...SHAPES, ...WRAPPED]) {
    const texts = [Buffer.from(make(short)), Buffer.from(make(long))] as const;
    for (const type of TYPES) {
      const best: [number, number] = [Infinity, Infinity];
      // Measure again: once, the cause may be garbage collection or compilation.
      for (let attempt = 0; attempt < ATTEMPTS && (attempt === 0 || isTooSlow(best, texts[1], type.oid)); attempt++) {
        best[0] = Math.min(best[0], timeOf(type, texts[0]));
        best[1] = Math.min(best[1], timeOf(type, texts[1]));
      }
      const growth = { typeOid: type.oid, text: texts[1].toString('utf8', 0, 40), ms: best };
      if (isTooSlow(best, texts[1], type.oid)) tooFast.push(growth);
      slowest.push(growth);
    }
  }
  slowest.sort((a, b) => b.ms[1] - a.ms[1]);
  return { tooFast, slowest: slowest.slice(0, 5) };
}

function timeOf(type: ReadType, text: Buffer): number {
  // Other specs verify the errors of invalid texts.
  return measureProcessorTime(() => type.byReader(text));
}

/** The time of V8's own parser, which the library does not shorten: for deep nesting it grows faster than the text. */
function timeOfJsonParse(text: Buffer): number {
  const json = text.toString();
  return measureProcessorTime(() => {
    try {
      JSON.parse(json);
    } catch {
      // Most texts are not JSON.
    }
  });
}
