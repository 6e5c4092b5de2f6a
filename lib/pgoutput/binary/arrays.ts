import { Fields } from './fields';
import { TextList } from './text-list';
import { quoteText, incrementDepth, type TextWriter, type GetTextWriter } from './value-text';

/** MAXDIM in array.h. */
const MAX_DIMENSIONS = 6;

/** Elements that array_out quotes. It also quotes elements that contain the delimiter. */
const QUOTED = /^$|^null$|["\\{} \t\n\v\f\r]/i;

interface Dimension {
  readonly size: number;
  readonly lowerBound: number;
}

/** The header of a binary array: the number of dimensions, a null flag, the OID of the element type, and the dimensions. */
interface ArrayHeader {
  readonly elementOid: number;
  readonly dimensions: readonly Dimension[];
  /** The number of elements in all dimensions. */
  readonly count: number;
}

/**
 * Writes arrays: `{1,NULL,3}`, or `[0:1]={1,2}` if a lower bound is not 1.
 *
 * @param delimiter the separator of elements: `;` for boxes, `,` for all other built-in types
 */
export function createArrayWriter(delimiter: string, getTextWriter: GetTextWriter): TextWriter {
  return (bytes, start, end, depth) => {
    const fields = new Fields(bytes, start, end);
    const { elementOid, dimensions, count } = readHeader(fields);
    if (count === 0) {
      fields.finish();
      return '{}';
    }
    const elementDepth = incrementDepth(depth);
    const elementText = getTextWriter(elementOid);

    const writeElement = (): string => {
      const length = fields.i32();
      if (length === -1) return 'NULL';
      const at = fields.take(length);
      return quoteElement(elementText(bytes, at, at + length, elementDepth), delimiter, length);
    };
    const writeDimension = (index: number): string => {
      const size = dimensions[index]?.size ?? 0;
      const isLast = index === dimensions.length - 1;
      const items = new TextList(delimiter, end - start);
      for (let i = 0; i < size; i++) items.add(isLast ? writeElement() : writeDimension(index + 1));
      return `{${items.toString()}}`;
    };
    const text = formatBounds(dimensions) + writeDimension(0);
    fields.finish();
    return text;
  };
}

/** Writes int2vector and oidvector: binary arrays whose text is the elements separated by spaces. */
export function createVectorWriter(elementText: TextWriter): TextWriter {
  return (bytes, start, end, depth) => {
    const fields = new Fields(bytes, start, end);
    const { dimensions, count } = readHeader(fields);
    if (dimensions.length > 1) throw new Error('the vector has more than one dimension');
    const items = new TextList(' ', end - start);
    for (let i = 0; i < count; i++) {
      const length = fields.i32();
      const at = fields.take(length);
      items.add(elementText(bytes, at, at + length, depth));
    }
    fields.finish();
    return items.toString();
  };
}

function readHeader(fields: Fields): ArrayHeader {
  const depth = fields.i32();
  if (depth < 0 || depth > MAX_DIMENSIONS)
    throw new Error(`the array has ${depth} dimensions; expected 0 to ${MAX_DIMENSIONS}`);
  fields.i32();
  const elementOid = fields.u32();
  const dimensions: Dimension[] = [];
  for (let i = 0; i < depth; i++) dimensions.push({ size: fields.i32(), lowerBound: fields.i32() });

  // Each element has at least a length field of 4 bytes.
  let count = depth === 0 ? 0 : 1;
  for (const { size } of dimensions) {
    count *= size;
    if (size < 0 || count * 4 > fields.remaining) {
      throw new Error(`the array declares ${count} elements, but only ${fields.remaining} bytes remain`);
    }
  }
  return { elementOid, dimensions, count };
}

function formatBounds(dimensions: readonly Dimension[]): string {
  if (dimensions.every(({ lowerBound }) => lowerBound === 1)) return '';
  return `${dimensions.map(({ size, lowerBound }) => `[${lowerBound}:${lowerBound + size - 1}]`).join('')}=`;
}

function quoteElement(text: string, delimiter: string, bytes: number): string {
  if (!QUOTED.test(text) && !text.includes(delimiter)) return text;
  return quoteText(text, '\\"', bytes);
}
