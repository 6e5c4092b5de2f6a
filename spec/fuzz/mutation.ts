import fc from 'fast-check';
import type { Parts } from './case';
import type { Target } from './target';

/** The kinds of mutations. */
const STEPS = {
  set: inPart((part, at, value) => {
    if (at < part.length) part.writeUInt8(value & 0xff, at);
    return part;
  }),
  flip: inPart((part, at, value) => {
    if (at < part.length) part.writeUInt8(part.readUInt8(at) ^ (1 << (value & 7)), at);
    return part;
  }),
  word16: inPart((part, at, value) => {
    if (at + 2 <= part.length) part.writeUInt16BE(value & 0xffff, at);
    return part;
  }),
  word32: inPart((part, at, value) => {
    if (at + 4 <= part.length) part.writeUInt32BE(value, at);
    return part;
  }),
  cut: inPart((part, at) => part.subarray(0, at)),
  extend: inPart((part, _, value) => Buffer.concat([part, Buffer.alloc((value & 63) + 1, value >>> 8)])),
  insert: inPart((part, at, value) => splice(part, at, at, TOKENS[value % TOKENS.length] ?? Buffer.alloc(0))),
  remove: inPart((part, at, value) => splice(part, at, at + (value & 15) + 1)),
  repeat: inPart((part, at, value) => {
    const piece = part.subarray(at, at + ((value >>> 4) & 31) + 1);
    const times = Math.min(2 ** (value & 15), Math.floor(LARGEST / Math.max(1, piece.length)));
    return part.length > LARGEST ? part : splice(part, at, at, Buffer.concat(new Array<Buffer>(times).fill(piece)));
  }),
  swap: (parts: Buffer[], index: number, at: number) => {
    const other = at % parts.length;
    [parts[index], parts[other]] = [parts[other]!, parts[index]!];
  },
  copy: (parts: Buffer[], index: number, at: number) => {
    parts.splice(at % parts.length, 0, parts[index]!);
  },
  drop: (parts: Buffer[], index: number) => {
    parts.splice(index, 1);
  },
  move: (parts: Buffer[], index: number, at: number) => {
    parts.splice(at % parts.length, 0, ...parts.splice(index, 1));
  },
  /** A part of another position. */
  stray: (parts: Buffer[], index: number, at: number, value: number, seeds: readonly Parts[]) => {
    const seed = seeds[at % seeds.length];
    const part = seed?.[value % Math.max(1, seed.length)];
    if (part) parts.splice(index, 0, part);
  },
} as const satisfies Record<string, Change>;

type Change = (parts: Buffer[], index: number, at: number, value: number, seeds: readonly Parts[]) => void;

/** Repetition makes a part at most this long, or twice as long. */
const LARGEST = 32 * 1024;

/** Byte sequences with a meaning to some decoder. */
const TOKENS = [
  ...[
    '\0',
    '\x80',
    '\xff\xff\xff\xff',
    '\xed\xa0\x80',
    '{',
    '}',
    '{{',
    '}}',
    '"',
    '\\',
    '\\\\',
    '\\x',
    ',',
    'NULL',
    '[',
    ']',
  ],
  ...[
    '[0:1]=',
    '=',
    '-',
    ' ',
    '  ',
    '\n',
    '.',
    ':',
    'e',
    '1',
    '00',
    '1e999',
    '-1',
    'NaN',
    'infinity',
    ' BC',
    '+00',
    '-07:30',
  ],
  ...[
    '2024-02-29',
    '294276-12-31 23:59:59.999999+15:59:59',
    '99999999999999999999',
    '0/16B6C50',
    '__proto__',
    'constructor',
  ],
  ...[
    'toString',
    '1 year ',
    '(1,2)',
    '<(1,2),3>',
    '{"a":',
    '[[',
    'r=',
    ',s=',
    ',i=',
    'v=',
    'e=',
    '=',
    'SCRAM-SHA-256',
    't',
    'f',
  ],
].map((token) => Buffer.from(token, 'latin1'));

export interface Step {
  readonly what: keyof typeof STEPS;
  /** The part, the position in it, and the mutation; each number is taken modulo the possibilities. */
  readonly part: number;
  readonly at: number;
  readonly value: number;
}

/** The description of a mutation, which fast-check can shrink. */
export interface Mutation {
  readonly seed: number;
  readonly steps: readonly Step[];
  readonly repaired: boolean;
}

const value = fc.oneof(
  { weight: 2, arbitrary: fc.nat(0xffff_ffff) },
  fc.constantFrom(0, 1, 3, 4, 5, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
);

export const mutation: fc.Arbitrary<Mutation> = fc.record({
  seed: fc.nat(0xffff),
  steps: fc.array(
    fc.record({
      what: fc.constantFrom(...(Object.keys(STEPS) as (keyof typeof STEPS)[])),
      part: fc.nat(0xffff),
      at: fc.nat(0xffff),
      value,
    }),
    { minLength: 1, maxLength: 6 },
  ),
  repaired: fc.boolean(),
});

/** Creates the mutated case. */
export function mutate({ seeds, repair }: Target, { seed, steps, repaired }: Mutation): Parts {
  const parts = [...(seeds[seed % seeds.length] ?? [])];
  for (const { what, part, at, value } of steps) {
    if (parts.length > 0) STEPS[what](parts, part % parts.length, at, value, seeds);
  }
  return repaired && repair ? parts.map(repair) : parts;
}

function inPart(change: (part: Buffer, at: number, value: number) => Buffer): Change {
  return (parts, index, at, value) => {
    // A copy, so that seeds stay unchanged.
    const part = Buffer.from(parts[index]!);
    parts[index] = change(part, at % (part.length + 1), value);
  };
}

function splice(part: Buffer, from: number, to: number, ...between: Buffer[]): Buffer {
  return Buffer.concat([part.subarray(0, from), ...between, part.subarray(to)]);
}
