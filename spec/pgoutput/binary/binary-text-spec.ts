import { createBinaryReader } from '../../../lib/pgoutput/binary/binary-text';
import { BUILT_IN_TYPES } from '../../../lib/pgoutput/types/built-in-types';
import type { TypeDefinition } from '../../../lib/pgoutput/types/type-definitions';
import { i32, recordOf } from './support/bytes';
import { SENT } from './support/sent';
import { noShapes, getOid, shapesOf, decodeToText } from './support/text-of';

describe('a value decoded from binary to text', () => {
  it.each(SENT)('of type %s, %s, is %j', (type, hex, text) => {
    expect(decodeToText(type, Buffer.from(hex, 'hex'))).toBe(text);
  });

  it('is supported for every built-in type that has its own send function', () => {
    const unknown = [...BUILT_IN_TYPES].flatMap(([name, oid]) => (createBinaryReader(oid, noShapes) ? [] : name));
    const without = ['pg_type', 'pg_attribute', 'pg_proc', 'pg_class', 'aclitem', 'gtsvector'];
    expect(unknown.sort()).toEqual(without.flatMap((name) => [name, `_${name}`]).sort());
  });

  it.each([
    ['', ''],
    ['\u0000', ''],
    ['~', '~'],
    ['\u0080', '\\200'],
    ['\u00ff', '\\377'],
  ])('of the "char" %j is %j', (byte, text) => {
    if (byte !== '') expect(decodeToText('char', Buffer.from(byte, 'latin1'))).toBe(text);
    else expect(() => decodeToText('char', Buffer.alloc(0))).toThrow('the value has 0 bytes; expected 1');
  });

  describe('of a type that is not built in', () => {
    const int4 = getOid('int4');
    const [ENUM, DOMAIN, DOMAIN_OF_DOMAIN, ARRAY, RANGE, MULTIRANGE, COMPOSITE, BASE] = [1, 2, 3, 4, 5, 6, 7, 8];
    const definitions: Record<number, TypeDefinition> = {
      [ENUM]: { kind: 'enum' },
      [DOMAIN]: { kind: 'domain', base: int4 },
      [DOMAIN_OF_DOMAIN]: { kind: 'domain', base: DOMAIN },
      [ARRAY]: { kind: 'array', element: DOMAIN_OF_DOMAIN, delimiter: ';' },
      [RANGE]: { kind: 'range', subtype: ENUM },
      [MULTIRANGE]: { kind: 'multirange', range: RANGE },
      [COMPOSITE]: {
        kind: 'composite',
        attributes: [
          { name: 'a', typeOid: ARRAY },
          { name: 'b', typeOid: MULTIRANGE },
        ],
      },
      [BASE]: { kind: 'base' },
    };
    const array = '000000010000000100000003000000020000000100000004000000070000000400000008';
    const range = '02000000036120620000000163';

    it.each([
      [ENUM, '736f', 'so'],
      [DOMAIN, '00000007', '7'],
      [DOMAIN_OF_DOMAIN, '00000007', '7'],
      [ARRAY, array, '{7;8}'],
      [RANGE, range, '["a b",c)'],
      [MULTIRANGE, `000000020000000d${range}0000000118`, '{["a b",c),(,)}'],
      [COMPOSITE, `0000000200000004000000${(array.length / 2).toString(16)}${array}00000006ffffffff`, '({7;8},)'],
    ])('%i is decoded by its definition', (oid, hex, text) => {
      expect(decodeToText(oid, Buffer.from(hex, 'hex'), shapesOf(definitions))).toBe(text);
    });

    it.each<[string, TypeDefinition]>([
      ['base type', { kind: 'base' }],
      ['domain', { kind: 'domain', base: BASE }],
      ['array', { kind: 'array', element: BASE, delimiter: ',' }],
      ['range', { kind: 'range', subtype: BASE }],
      ['multirange', { kind: 'multirange', range: BASE }],
      ['composite', { kind: 'composite', attributes: [{ name: 'a', typeOid: BASE }] }],
      ['array of unknown elements', { kind: 'array', element: 99, delimiter: ',' }],
    ])('is not supported if the form of a %s’s parts is unknown', (_, definition) => {
      expect(createBinaryReader(50, shapesOf({ ...definitions, 50: definition }))).toBeUndefined();
      expect(
        createBinaryReader(51, shapesOf({ ...definitions, 50: definition, 51: { kind: 'domain', base: 50 } })),
      ).toBeUndefined();
    });

    it('is not supported without a type lookup', () => {
      expect(createBinaryReader(50, noShapes)).toBeUndefined();
    });

    it('is decoded by the columns in the value, which may differ from those that were looked up', () => {
      const value = recordOf([
        [getOid('text'), Buffer.from('x')],
        [DOMAIN, i32(7)],
      ]);
      expect(decodeToText(COMPOSITE, value, shapesOf(definitions))).toBe('(x,7)');
      const unknown = recordOf([[BASE, Buffer.from('x')]]);
      expect(() => decodeToText(COMPOSITE, unknown, shapesOf(definitions))).toThrow('type with OID 8 is not known');
    });

    it('is an Error if the catalog says that a type contains itself', () => {
      const circle: Record<number, TypeDefinition> = {
        50: { kind: 'domain', base: 51 },
        51: { kind: 'domain', base: 50 },
      };
      expect(() => decodeToText(50, i32(1), shapesOf(circle))).toThrow('more than 64 levels');
    });

    it('requests the definition once, not for each value', () => {
      const asked: number[] = [];
      const write = createBinaryReader(COMPOSITE, (oid) => {
        asked.push(oid);
        return definitions[oid];
      })!;
      const value = recordOf([
        [DOMAIN, i32(7)],
        [DOMAIN, i32(8)],
      ]);
      expect(write(value, 0, value.length)).toBe('(7,8)');
      const before = asked.length;
      expect(write(value, 0, value.length)).toBe('(7,8)');
      expect(asked).toHaveLength(before);
    });
  });
});
