import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { i32 } from './support/bytes';
import { getOid, shapesOf, createWriter } from './support/text-of';

const ROW = 20_000;
const definitions = shapesOf({ [ROW]: { kind: 'composite', attributes: [] } });
/** With this number of parts, V8's rope of single concatenations takes 32 MB and more. */
const MANY = 1_000_000;

const arrayOf = (elementType: string, lowerBound: number, element: Buffer): Buffer =>
  Buffer.concat([
    ...[i32(1), i32(0), i32(getOid(elementType)), i32(MANY), i32(lowerBound)],
    repeated(Buffer.concat([i32(element.length), element])),
  ]);
const counted = (part: Buffer): Buffer => Buffer.concat([i32(MANY), repeated(part)]);

function repeated(part: Buffer): Buffer {
  return Buffer.alloc(MANY * part.length, part);
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('the text of a value with a million parts', () => {
  it.each([
    ['_bool', arrayOf('bool', 1, Buffer.from([1])), `{t,t`],
    ['_text', arrayOf('text', 1, Buffer.alloc(0)), '{"",""'],
    ['int2vector', arrayOf('int2', 0, Buffer.from([0, 7])), '7 7'],
    ['int4multirange', counted(Buffer.concat([i32(1), Buffer.from([1])])), '{empty,empty'],
    ['polygon', counted(Buffer.alloc(16)), '((0,0),(0,0)'],
    ['tsvector', counted(Buffer.from('a\0\0\0')), "'a' 'a'"],
    ['pg_snapshot', Buffer.concat([i32(MANY), Buffer.alloc(16), repeated(Buffer.alloc(8))]), '0:0:0,0'],
    ['varbit', Buffer.concat([i32(8 * MANY), repeated(Buffer.from([0xa5]))]), '1010010110100101'],
    [ROW, counted(Buffer.concat([i32(getOid('int4')), i32(-1)])), '(,,'],
  ])('takes only the memory of its characters: of type %s', (type, value, beginning) => {
    const write = createWriter(type, definitions);
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    const text = write(value, 0, value.length);
    collectGarbage();
    const taken = process.memoryUsage().heapUsed - before;
    expect(taken).toBeLessThan(text.length + 4_000_000);
    expect(text.startsWith(beginning)).toBe(true);
  });
});
