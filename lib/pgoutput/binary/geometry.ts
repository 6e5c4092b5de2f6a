import { Fields } from './fields';
import { formatFloat8 } from './floats';
import { TextList } from './text-list';
import { createFixedSizeWriter, type TextWriter } from './value-text';

/** The size of a point in bytes: two float8 values. All geometric types consist of float8 values. */
const POINT = 16;

export const writePoint: TextWriter = createFixedSizeWriter(POINT, formatPoint);
export const writeLseg: TextWriter = createFixedSizeWriter(2 * POINT, (bytes, at) => `[${formatPoints(bytes, at, 2)}]`);
export const writeBox: TextWriter = createFixedSizeWriter(2 * POINT, (bytes, at) => formatPoints(bytes, at, 2));

/** line: the coefficients of Ax + By + C = 0. */
export const writeLine: TextWriter = createFixedSizeWriter(
  24,
  (bytes, at) => `{${formatFloat8(bytes, at)},${formatFloat8(bytes, at + 8)},${formatFloat8(bytes, at + 16)}}`,
);

export const writeCircle: TextWriter = createFixedSizeWriter(
  24,
  (bytes, at) => `<${formatPoint(bytes, at)},${formatFloat8(bytes, at + POINT)}>`,
);

/** path: whether it is closed, and its points. */
export const writePath: TextWriter = (bytes, start, end) => {
  const fields = new Fields(bytes, start, end);
  const isClosed = fields.u8() !== 0;
  const points = readPoints(fields);
  return isClosed ? `(${points})` : `[${points}]`;
};

export const writePolygon: TextWriter = (bytes, start, end) => `(${readPoints(new Fields(bytes, start, end))})`;

function readPoints(fields: Fields): string {
  const count = fields.count(POINT);
  const at = fields.take(count * POINT);
  fields.finish();
  return formatPoints(fields.bytes, at, count);
}

function formatPoints(bytes: Buffer, at: number, count: number): string {
  const points = new TextList(',', count * POINT);
  for (let i = 0; i < count; i++) points.add(formatPoint(bytes, at + i * POINT));
  return points.toString();
}

function formatPoint(bytes: Buffer, at: number): string {
  return `(${formatFloat8(bytes, at)},${formatFloat8(bytes, at + 8)})`;
}
