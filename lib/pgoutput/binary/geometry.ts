import { Fields } from './fields';
import { float8At } from './floats';
import { fixed, type ValueText } from './value-text';

const POINT = 16;

/** All of it is in float8s. Points are two of them. */
export const point: ValueText = fixed(POINT, pointAt);
export const lseg: ValueText = fixed(2 * POINT, (bytes, at) => `[${pointsAt(bytes, at, 2)}]`);
export const box: ValueText = fixed(2 * POINT, (bytes, at) => pointsAt(bytes, at, 2));

/** Ax + By + C = 0. */
export const line: ValueText = fixed(
  24,
  (bytes, at) => `{${float8At(bytes, at)},${float8At(bytes, at + 8)},${float8At(bytes, at + 16)}}`,
);

export const circle: ValueText = fixed(24, (bytes, at) => `<${pointAt(bytes, at)},${float8At(bytes, at + POINT)}>`);

/** Whether it is closed, and its points. */
export const path: ValueText = (bytes, start, end) => {
  const fields = new Fields(bytes, start, end);
  const isClosed = fields.u8() !== 0;
  const points = readPoints(fields);
  return isClosed ? `(${points})` : `[${points}]`;
};

export const polygon: ValueText = (bytes, start, end) => `(${readPoints(new Fields(bytes, start, end))})`;

function readPoints(fields: Fields): string {
  const count = fields.count(POINT);
  const at = fields.take(count * POINT);
  fields.finish();
  return pointsAt(fields.bytes, at, count);
}

function pointsAt(bytes: Buffer, at: number, count: number): string {
  let text = '';
  for (let i = 0; i < count; i++) text += (i === 0 ? '' : ',') + pointAt(bytes, at + i * POINT);
  return text;
}

function pointAt(bytes: Buffer, at: number): string {
  return `(${float8At(bytes, at)},${float8At(bytes, at + 8)})`;
}
