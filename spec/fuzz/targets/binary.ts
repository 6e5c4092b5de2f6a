import { BUILT_IN_TYPES } from '../../../lib/pgoutput/types/built-in-types';
import { createColumnReaders, type ColumnReaders } from '../../../lib/pgoutput/values/column-readers';
import { exactTypes } from '../../../lib/pgoutput/values/exact-types';
import type { ReadingContext } from '../../../lib/pgoutput/values/shaped-values';
import type { TypeDefinition } from '../../../lib/pgoutput/types/type-definitions';
import { defaultTypes, type TypeParsers } from '../../../lib/pgoutput/values/values';
import { arrayOf, i32, recordOf, sized } from '../../pgoutput/binary/support/bytes';
import { SENT } from '../../pgoutput/binary/support/sent';
import { guardedReaders } from '../../pgoutput/support/guarded-readers';
import { isSameValue } from '../../pgoutput/support/same-value';
import { protocolError } from '../outcome';
import { BrokenRule, type Target } from '../target';

const TEXT = 25;
const [ENUM, DOMAIN, RING, ARRAY, SELF_ARRAY, RANGE] = [20_001, 20_002, 20_003, 20_004, 20_005, 20_006];
const [SELF_RANGE, MULTIRANGE, ROW, NOTHING, BASE] = [20_007, 20_008, 20_009, 20_010, 20_011];

const ATTRIBUTES = [
  { name: 'a', typeOid: ENUM },
  { name: '__proto__', typeOid: DOMAIN },
  { name: 'constructor', typeOid: ARRAY },
  { name: '', typeOid: MULTIRANGE },
];

/** Types that a lookup may have found: every kind, and types that contain themselves. */
const SHAPES: ReadonlyMap<number, TypeDefinition> = new Map<number, TypeDefinition>([
  [ENUM, { kind: 'enum' }],
  [DOMAIN, { kind: 'domain', base: ROW }],
  [RING, { kind: 'domain', base: RING }],
  [ARRAY, { kind: 'array', element: ROW, delimiter: ';' }],
  [SELF_ARRAY, { kind: 'array', element: SELF_ARRAY, delimiter: ',' }],
  [RANGE, { kind: 'range', subtype: ENUM }],
  [SELF_RANGE, { kind: 'range', subtype: SELF_RANGE }],
  [MULTIRANGE, { kind: 'multirange', range: SELF_RANGE }],
  [ROW, { kind: 'composite', attributes: ATTRIBUTES }],
  [NOTHING, { kind: 'composite', attributes: [] }],
  [BASE, { kind: 'base' }],
]);

function readingOf(types: TypeParsers): ReadingContext {
  return {
    types,
    definitions: (oid) => SHAPES.get(oid),
    layouts: (oid, fields) => (oid === ROW && fields <= ATTRIBUTES.length ? ATTRIBUTES.slice(0, fields) : undefined),
  };
}

const ELEMENTS = [...BUILT_IN_TYPES].flatMap(([name, oid]) => (name.startsWith('_') ? [] : [oid]));
/** Array types, one for each text parser of arrays. Their binary form contains the element type. */
const ARRAYS = new Map(
  [...BUILT_IN_TYPES].flatMap(([name, oid]) =>
    name.startsWith('_') ? [[defaultTypes.getTypeParser(oid, 'text'), oid] as const] : [],
  ),
);
const READERS: readonly (readonly [oid: number, ColumnReaders])[] = [
  ...[...ELEMENTS, ...ARRAYS.values(), ...SHAPES.keys()].map((oid) => readersOf(oid, defaultTypes)),
  ...[...ELEMENTS, ...SHAPES.keys()].map((oid) => readersOf(oid, exactTypes)),
];

function readersOf(typeOid: number, types: TypeParsers): readonly [oid: number, ColumnReaders] {
  const column = { name: 'c', key: false, typeOid, typeModifier: -1 };
  return [typeOid, guardedReaders(column, createColumnReaders(readingOf(types), 'public.t', column))];
}

function nested(depth: number): Buffer {
  let value = recordOf([[TEXT, Buffer.from('"')]]);
  for (let level = 0; level < depth; level++) value = recordOf([[level % 2 ? ROW : DOMAIN, value]]);
  return value;
}

const range = (...bounds: readonly Buffer[]): Buffer => Buffer.concat([Buffer.of(2), ...bounds.map(sized)]);

const VALUES: readonly Buffer[] = [
  ...SENT.map(([, hex]) => Buffer.from(hex, 'hex')),
  recordOf([
    [ENUM, Buffer.from('red')],
    [DOMAIN, null],
    [ARRAY, arrayOf(ROW, [[1, 1]], [recordOf([])])],
    [BASE, null],
  ]),
  arrayOf(SELF_ARRAY, [[1, 1]], [arrayOf(SELF_ARRAY, [[1, 0]], [null])]),
  range(range(range(Buffer.of(1), Buffer.of(24)), Buffer.of(1)), Buffer.of(1)),
  Buffer.concat([i32(1), sized(range(Buffer.of(1), Buffer.of(24)))]),
  nested(12),
  nested(20),
  nested(70),
];

/** Bytes around a value, in two variants. A decoder that reads them reads beyond the value. */
const AROUND = [
  [Buffer.of(0, 0, 0, 1), Buffer.of(0, 0, 0, 0, 0x7d)],
  [Buffer.from('{"-1'), Buffer.from([0xff, 0xff, 0x22, 0x29])],
] as const;

/**
 * The bytes go through the binary decoders of every type. Text is decoded only for looked-up types; the target `values` has the
 * others.
 */
export const binary: Target = {
  name: 'binary',
  seeds: VALUES.map((value) => [value]),
  run(parts) {
    const value = Buffer.concat(parts);
    let refused = 0;
    for (const [oid, readers] of READERS) {
      for (const form of SHAPES.has(oid) ? (['binary', 'text'] as const) : (['binary'] as const)) {
        const [one, other] = AROUND.map(([before, after]) => {
          const bytes = Buffer.concat([before, value, after]);
          const outcome = outcomeOf(() => readers[form](bytes, before.length, before.length + value.length));
          bytes.fill(0x31);
          return outcome;
        });
        if (!one || !other || !sameOutcome(one, other))
          throw new BrokenRule(`Type ${oid} reads in ${form} form what does not belong to it`);
        if (form === 'binary' && 'error' in one) refused++;
        if (
          'error' in one &&
          !/^(?:PROTOCOL_VIOLATION|VALUE_DECODE_FAILED): Column c\S* of public\.t \(type OID \d+\)/.test(one.error)
        )
          throw new BrokenRule(`It does not name the column: ${one.error}`);
      }
    }
    return refused < READERS.length / 2 ? 'mostly values' : 'mostly refusals';
  },
};

type Outcome = { readonly value: unknown } | { readonly error: string };

function outcomeOf(read: () => unknown): Outcome {
  try {
    return { value: read() };
  } catch (error) {
    return { error: protocolError(error) };
  }
}

function sameOutcome(a: Outcome, b: Outcome): boolean {
  if ('value' in a && 'value' in b) return isSameValue(a.value, b.value);
  return 'error' in a && 'error' in b && a.error === b.error;
}
